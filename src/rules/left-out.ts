// SPDX-License-Identifier: Apache-2.0
// Rules of the folder that would lock out who administers this host, at the start: nobody is there to be asked. Only rules that drop
// lock out, and each that is left out lets more pass, never less: so the others come into force without them.
import type { Logger } from '../log.js'
import { LockOut, type RuleGuard } from './guard.js'
import { loadRules, type RuleSet } from './load.js'
import type { LeftOut, Rule } from './model.js'

/** Times that rules are left out and the rest is asked about: one that drops hides those behind it that drop the same. */
const ROUNDS = 64

async function refusedOf(check: RuleGuard, rules: readonly Rule[]): Promise<LeftOut[]> {
  const left: LeftOut[] = []
  for (let round = 0; ; round++)
    try {
      const names = new Set(left.map(({ name }) => name))
      await check(
        rules.filter(({ name }) => !names.has(name)),
        {},
      )
      return left
    } catch (error) {
      if (!(error instanceof LockOut) || round === ROUNDS) throw error
      left.push(...error.refused)
    }
}

/** The set without those rules; says in the log which they are. Throws LockOut when there is no end of them. */
export async function withoutLockOuts(set: RuleSet, check: RuleGuard, log: Logger): Promise<RuleSet> {
  const left = await refusedOf(check, set.rules)
  if (left.length === 0) return set
  const details = left.map(({ why }) => why)
  log.error({ details }, `${left.length} of ${set.rules.length} rules are left out: they would lock out who administers this host`)
  return loadRules(set.texts, left)
}
