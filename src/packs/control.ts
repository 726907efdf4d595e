// SPDX-License-Identifier: Apache-2.0
// The packs in force in the kernel: taken from a folder at the start and again when the configuration is read anew.
import { FlowidentError } from '../errors.js'
import { namePacks } from '../flows/protocols.js'
import type { Addon, Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { checkPacks } from './check.js'
import { type Pack, readNames, writeNames } from './compile.js'
import { loadPacks, packFiles } from './load.js'

export type PackChecks = Pick<Addon, 'packClaims' | 'packSteals'>

export class PackControl {
  readonly #kernel: Pick<Kernel, 'installPacks' | 'packNames'>
  readonly #checks: PackChecks | undefined
  readonly #log: Logger
  #packs: readonly Pack[] = []

  /** Without `checks`, for want of the addon, folders are not read. */
  constructor(kernel: Pick<Kernel, 'installPacks' | 'packNames'>, checks: PackChecks | undefined, log: Logger) {
    this.#kernel = kernel
    this.#checks = checks
    this.#log = log
  }

  get packs(): readonly Pack[] {
    return this.#packs
  }

  /** Puts the packs of a folder in force, in place of those before. A mistake in one is told, and those before stay: half of a
   * set is worse than an old one. */
  take(folder: string): void {
    if (this.#checks === undefined) return
    try {
      const taken = readNames(this.#kernel.packNames())
      namePacks(taken)
      const packs = loadPacks(packFiles(folder))
      if (packs.length === 0 && this.#packs.length === 0 && taken.size === 0) return
      const { rules, names } = checkPacks(this.#checks, packs, taken)
      this.#kernel.installPacks(rules, writeNames(names))
      namePacks(names)
      this.#packs = packs
      this.#log.info({ packs: packs.map(({ name }) => name).join(', ') }, `${packs.length} signature packs are in force`)
    } catch (error) {
      const { message, details } = FlowidentError.from(error)
      this.#log.error({ details }, `the signature packs of ${folder} are not taken: ${message}`)
    }
  }
}
