// SPDX-License-Identifier: Apache-2.0
// Packs are tried before use: a pack that claims bytes at random is refused.
import { FlowidentError } from '../errors.js'
import type { Addon } from '../kernel/kernel.js'
import { type Compiled, compilePacks, type Pack } from './compile.js'

export const RANDOM_PAYLOADS = 1_000_000

/** Compiles packs that passed; throws with the reason for each that did not. */
export function checkPacks(addon: Pick<Addon, 'packClaims'>, packs: readonly Pack[]): Compiled {
  const details: string[] = []
  for (const pack of packs) {
    const claims = addon.packClaims(compilePacks([pack]).rules, RANDOM_PAYLOADS)
    if (claims > 0) details.push(`${pack.file}: ${pack.name} claims ${claims} of ${RANDOM_PAYLOADS.toLocaleString('en')} random payloads`)
  }
  if (details.length > 0) throw new FlowidentError('config-invalid', 'signature packs are refused', { details })
  return compilePacks(packs)
}
