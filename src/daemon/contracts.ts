// SPDX-License-Identifier: Apache-2.0
// What stands beside the rules in force: contracts that are watched, their metrics, and previews.
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
import type { DaemonParts } from './parts.js'

export interface Beside {
  readonly contracts: ContractWatch
  readonly collectors: readonly Collector[]
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
  return { contracts, collectors, preview: (set, seconds) => previewRules(parts, set, seconds) }
}
