// SPDX-License-Identifier: Apache-2.0
// Packs are tried before use: one that claims bytes at random, or those of a built-in protocol, is refused.
import { FlowidentError } from '../errors.js'
import { protocolName } from '../flows/protocols.js'
import type { Addon } from '../kernel/kernel.js'
import { type Compiled, compilePacks, type Pack } from './compile.js'
import { readSamples } from './samples.js'

export const RANDOM_PAYLOADS = 1_000_000

/** Compiles packs that passed; throws with the reason for each that did not. `taken`: ids that have names already. */
export function checkPacks(
  addon: Pick<Addon, 'packClaims' | 'packSteals'>,
  packs: readonly Pack[],
  taken?: ReadonlyMap<number, string>,
): Compiled {
  const details: string[] = []
  const samples = packs.length > 0 ? readSamples() : new Uint8Array(0)
  for (const pack of packs) {
    const { rules } = compilePacks([pack])
    const claims = addon.packClaims(rules, RANDOM_PAYLOADS)
    if (claims > 0) details.push(`${pack.file}: ${pack.name} claims ${claims} of ${RANDOM_PAYLOADS.toLocaleString('en')} random payloads`)
    const stolen = [...addon.packSteals(rules, samples)].map(protocolName)
    if (stolen.length > 0) details.push(`${pack.file}: ${pack.name} claims the bytes of ${stolen.join(', ')}`)
  }
  if (details.length > 0) throw new FlowidentError('config-invalid', 'signature packs are refused', { details })
  return compilePacks(packs, taken)
}
