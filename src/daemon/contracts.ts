// SPDX-License-Identifier: Apache-2.0
// What stands beside the rules in force: contracts that are watched, their metrics, previews, and profiles of services.
import type { EventHub } from '../api/events.js'
import { interfaceLister } from '../kernel/interfaces.js'
import type { Kernel } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { ContractsCollector } from '../metrics/contracts.js'
import { RulesCollector } from '../metrics/rules.js'
import type { Collector } from '../metrics/text.js'
import { ContractWatch } from '../rules/contract-watch.js'
import type { RuleControl } from '../rules/control.js'
import { decideBy, type EnforcingWire } from '../rules/decision.js'
import type { RuleGuard } from '../rules/guard.js'
import { FlowWatch } from '../rules/flow-watch.js'
import type { RuleSet } from '../rules/load.js'
import { type Preview, previewRules } from '../rules/preview.js'
import { resetBy } from '../rules/reset.js'
import type { Catalog } from '../services/catalog.js'
import { Packages } from '../services/package.js'
import { type Profile, profileOf } from '../services/profile.js'
import type { DaemonParts } from './parts.js'

export interface Beside {
  readonly contracts: ContractWatch
  /** After the table of flows was brought up to date. */
  readonly sync: () => Promise<void>
  readonly collectors: readonly Collector[]
  readonly profile: (id: string) => Promise<Profile | null>
  readonly preview: (set: Pick<RuleSet, 'rules' | 'contracts'>, seconds: number) => Promise<Preview>
}

export interface Place {
  readonly kernel: Kernel
  readonly parts: DaemonParts
  readonly catalog: Catalog
  readonly wire: EnforcingWire
  readonly events: EventHub
  readonly log: Logger
}

export function beside(
  rules: RuleControl,
  guard: RuleGuard,
  { kernel, parts, catalog, wire, events, log }: Place,
  maxSeries: number,
): Beside {
  const { source, roots } = parts
  rules.listener = (drop) => events.drop(drop)
  const decide = decideBy(kernel, log.child({ area: 'rules' }))
  const reset = resetBy(source, roots.proc, log.child({ area: 'rules' }))
  const flows = new FlowWatch({
    catalog,
    source: rules,
    decide,
    wire,
    reset,
    guard: (list) => guard(list, {}),
    log: log.child({ area: 'rules' }),
  })
  const contracts = new ContractWatch({
    catalog,
    source: rules,
    decide,
    wire,
    reset,
    tell: (slot, deviation) => events.deviation(slot, deviation),
  })
  const sync = async () => {
    await contracts.sync()
    await flows.sync()
  }
  const collectors = [
    new RulesCollector(async () => (await rules.state()).rules, maxSeries),
    new ContractsCollector(
      () => rules.contracts,
      (contract) => contracts.counts(contract),
    ),
  ]
  const previewed = { source, interfaces: interfaceLister(source, roots.sys), catalog, now: () => performance.now() }
  const told = { proc: roots.proc, packages: new Packages() }
  const profile = async (id: string): Promise<Profile | null> => {
    const found = catalog.behind(id)
    return found ? profileOf(found.owner, told, found.files) : null
  }
  return { contracts, sync, collectors, profile, preview: (set, seconds) => previewRules(previewed, set, seconds) }
}
