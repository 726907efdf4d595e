// SPDX-License-Identifier: Apache-2.0
// Rule files, in the order of their names, as one list. All mistakes at once, none of the rules when there is one.
import { statSync } from 'node:fs'
import { spellMistake } from '../config/load.js'
import { type Mistake, parseYaml, readConfigFile, yamlFiles } from '../config/source.js'
import { FlowidentError } from '../errors.js'
import { FI_RULES_EPOCHS } from '../gen/abi.js'
import { type Contract, ruleOfContract } from './contract.js'
import { type LeftOut, MAX_RULES, MAX_TUNNELS, type Rule } from './model.js'
import { type Overlap, type Overlaps, overlaps, spellOverlap, spellRulePlace, spellStopped } from './overlap.js'
import { readRules } from './read.js'
import { expiries } from './timed.js'

export const rulesFolder = '/etc/flowident/rules.d'
/** Of one file; as much as the API takes at once. */
export const FILE_BYTES = 32 * 1024 * 1024
/** Mistakes that one answer tells. */
const SHOWN = 50

export interface RuleText {
  readonly name: string
  readonly text: string
}

export interface RuleSet {
  /** Those of contracts that drop are the last. */
  readonly rules: readonly Rule[]
  readonly contracts: readonly Contract[]
  readonly texts: readonly RuleText[]
  /** Rules of the texts that are not among `rules`. */
  readonly leftOut: readonly LeftOut[]
  /** Rules that are left out, and those that never decide, in words: looked for when first asked, which may take a second. */
  readonly warnings: readonly string[]
  readonly overlaps: readonly Overlap[]
}

/** Files and folders (their *.yaml) as texts. A folder that is not there has none; a file that is named must be there. */
export function readRuleFiles(paths: readonly string[]): RuleText[] {
  const files = paths.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false })
    return found?.isDirectory() || (found === undefined && path === rulesFolder) ? yamlFiles(path) : [path]
  })
  return files.map((name) => ({ name, text: readConfigFile(name, true, FILE_BYTES) ?? '' }))
}

type Named = Pick<Rule, 'name' | 'file' | 'place'>

function checkNames(rules: readonly Named[]): Mistake[] {
  const first = new Map<string, Named>()
  return rules.flatMap((rule) => {
    const twin = first.get(rule.name)
    if (twin === undefined) {
      first.set(rule.name, rule)
      return []
    }
    return [
      {
        source: rule.file,
        ...rule.place,
        text: `name: ${rule.name} is taken already (${spellRulePlace(twin)}); give one of them another name`,
      },
    ]
  })
}

/** `leftOut`: rules that the texts have and the set does not. */
export function loadRules(texts: readonly RuleText[], leftOut: readonly LeftOut[] = []): RuleSet {
  const left = new Set(leftOut.map(({ name }) => name))
  const mistakes: Mistake[] = []
  const rules: Rule[] = []
  const contracts: Contract[] = []
  for (const { name, text } of texts) {
    const parsed = parseYaml(name, text)
    const read = parsed.mistakes.length > 0 ? { rules: [], contracts: [], mistakes: parsed.mistakes } : readRules(name, parsed.source)
    mistakes.push(...read.mistakes)
    for (const rule of read.rules) rules.push(rule)
    contracts.push(...read.contracts)
  }
  mistakes.push(...checkNames([...rules, ...contracts]))
  // Behind all rules: no packet meets them.
  for (const contract of contracts) if (contract.action === 'drop') rules.push(ruleOfContract(contract))
  if (rules.length > MAX_RULES)
    mistakes.push({
      source: texts.at(-1)?.name ?? '',
      text: `${rules.length} rules; at most ${MAX_RULES} are held: join some by lists of addresses and ports`,
    })
  const tunnels = rules.flatMap(({ match, not }) => [...(match.tunnel ?? []), ...(not.tunnel ?? [])])
  if (tunnels.reduce((sum, { from, to }) => sum + to - from + 1, 0) > MAX_TUNNELS)
    mistakes.push({
      source: texts.at(-1)?.name ?? '',
      text: `the rules name more than ${MAX_TUNNELS} tunnels; use other conditions for most of them`,
    })
  if (expiries(rules).length >= FI_RULES_EPOCHS)
    mistakes.push({
      source: texts.at(-1)?.name ?? '',
      text: `more than ${FI_RULES_EPOCHS - 1} different times of expiry; let some share one`,
    })
  if (mistakes.length > 0) {
    const shown = mistakes.slice(0, SHOWN).map(spellMistake)
    if (mistakes.length > SHOWN) shown.push(`and ${mistakes.length - SHOWN} more`)
    throw new FlowidentError('rules-invalid', `${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`} in the rules`, {
      details: shown,
      hint: 'docs/RULES.md describes what a rule may ask for. The rules that were in force stay so.',
    })
  }
  const inForce = rules.filter(({ name }) => !left.has(name))
  let searched: Overlaps | undefined
  const search = (): Overlaps => {
    searched ??= overlaps(inForce)
    return searched
  }
  return {
    rules: inForce,
    contracts,
    texts,
    leftOut,
    get overlaps() {
      return search().found
    },
    get warnings() {
      return [...leftOut.map(({ why }) => `not in force: ${why}`), ...search().found.map(spellOverlap), ...spellStopped(search())]
    },
  }
}
