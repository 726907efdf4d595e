// SPDX-License-Identifier: Apache-2.0
// What stands beside the rules in force: contracts that are watched, their metrics, and previews.
import type { EventHub } from '../api/events.js'
import { interfaceLister } from '../kernel/interfaces.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { ContractsCollector } from '../metrics/contracts.js'
import { ContractWatch, decideBy } from '../rules/contract-watch.js'
import type { RuleControl } from '../rules/control.js'
import type { RuleSet } from '../rules/load.js'
import { type Preview, previewRules } from '../rules/preview.js'
import type { Catalog } from '../services/catalog.js'
import type { DaemonParts } from './parts.js'

export interface Beside {
  readonly contracts: ContractWatch
  readonly collector: ContractsCollector
  readonly preview: (set: Pick<RuleSet, 'rules' | 'contracts'>, seconds: number) => Promise<Preview>
}

export function beside(
  rules: RuleControl,
  kernel: Kernel,
  { source, roots }: DaemonParts,
  catalog: Catalog,
  events: EventHub,
  log: Logger,
): Beside {
  const contracts = new ContractWatch({
    catalog,
    source: rules,
    decide: decideBy(kernel, log.child({ area: 'rules' })),
    tell: (slot, deviation) => events.deviation(slot, deviation),
  })
  const collector = new ContractsCollector(
    () => rules.contracts,
    (contract) => contracts.counts(contract),
  )
  const parts = { source, interfaces: interfaceLister(source, roots.sys), catalog, now: () => performance.now() }
  return { contracts, collector, preview: (set, seconds) => previewRules(parts, set, seconds) }
}
