// SPDX-License-Identifier: Apache-2.0
// What stands beside the rules in force: contracts that are watched, their metrics, previews, and profiles of services.
import type { EventHub } from '../api/events.js'
import { interfaceLister } from '../kernel/interfaces.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { ContractsCollector } from '../metrics/contracts.js'
import { RulesCollector } from '../metrics/rules.js'
import type { Collector } from '../metrics/text.js'
import { ContractWatch, decideBy } from '../rules/contract-watch.js'
import type { RuleControl } from '../rules/control.js'
import type { RuleSet } from '../rules/load.js'
import { type Preview, previewRules } from '../rules/preview.js'
import type { Catalog } from '../services/catalog.js'
import { Packages } from '../services/package.js'
import { type Profile, profileOf } from '../services/profile.js'
import type { DaemonParts } from './parts.js'

export interface Beside {
  readonly contracts: ContractWatch
  readonly collectors: readonly Collector[]
  readonly profile: (id: string) => Promise<Profile | null>
  readonly preview: (set: Pick<RuleSet, 'rules' | 'contracts'>, seconds: number) => Promise<Preview>
}

export function beside(
  rules: RuleControl,
  kernel: Kernel,
  { source, roots }: DaemonParts,
  catalog: Catalog,
  events: EventHub,
  log: Logger,
  maxSeries: number,
): Beside {
  rules.listener = (drop) => events.drop(drop)
  const contracts = new ContractWatch({
    catalog,
    source: rules,
    decide: decideBy(kernel, log.child({ area: 'rules' })),
    tell: (slot, deviation) => events.deviation(slot, deviation),
  })
  const collectors = [
    new RulesCollector(async () => (await rules.state()).rules, maxSeries),
    new ContractsCollector(
      () => rules.contracts,
      (contract) => contracts.counts(contract),
    ),
  ]
  const parts = { source, interfaces: interfaceLister(source, roots.sys), catalog, now: () => performance.now() }
  const told = { proc: roots.proc, packages: new Packages() }
  const profile = async (id: string): Promise<Profile | null> => {
    const found = catalog.behind(id)
    return found ? profileOf(found.owner, told, found.files) : null
  }
  return { contracts, collectors, profile, preview: (set, seconds) => previewRules(parts, set, seconds) }
}
