// SPDX-License-Identifier: Apache-2.0
// What the routes work on.
import type { Refresher } from '../flows/refresh.js'
import type { Metrics } from '../metrics/metrics.js'
import type { PackControl } from '../packs/control.js'
import type { ContractWatch } from '../rules/contract-watch.js'
import type { RuleControl } from '../rules/control.js'
import type { RuleSet } from '../rules/load.js'
import type { Preview } from '../rules/preview.js'
import type { Profile } from '../services/profile.js'
import type { Catalog } from '../services/catalog.js'
import type { Traffic } from '../services/traffic.js'
import type { EventHub } from './events.js'

export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

export interface Readiness {
  /** Whether traffic is seen at all. */
  readonly ready: boolean
  /** What is missing is in the checks that are not ok. */
  readonly checks: readonly Check[]
}

export interface ApiContext {
  readonly version: string
  readonly catalog: Catalog
  readonly traffic: Traffic
  /** Brings `traffic` up to date. */
  readonly updateTraffic: () => Promise<void>
  readonly refresher: Pick<Refresher, 'ready'>
  readonly events: EventHub
  readonly rules: RuleControl
  /** What is behind a service, by its id; null: no owner of it is known. */
  readonly profile: (id: string) => Promise<Profile | null>
  readonly contracts: ContractWatch
  readonly preview: (set: Pick<RuleSet, 'rules' | 'contracts'>, seconds: number) => Promise<Preview>
  readonly packs: Pick<PackControl, 'packs'>
  readonly metrics: Pick<Metrics, 'scrape'>
  readonly readiness: () => Readiness
}
