// SPDX-License-Identifier: Apache-2.0
// The composition root: puts the parts together, attaches, serves, and takes it all down again.
import type { Readiness } from './api/context.js'
import { Door } from './api/door.js'
import { EventHub } from './api/events.js'
import { Listeners } from './api/listen.js'
import { buildApi } from './api/server.js'
import { changedSettings } from './config/changed.js'
import { parseListen } from './config/listen.js'
import type { Config } from './config/schema.js'
import { QuicInitials } from './deep/quic.js'
import { Refresher } from './flows/refresh.js'
import { FlowTable } from './flows/table.js'
import { cgroupMount } from './kernel/cgroup-mount.js'
import { attachHost } from './kernel/host.js'
import { InterfaceNames, interfaceLister } from './kernel/interfaces.js'
import type { Attachment, Kernel } from './kernel/kernel.js'
import { Wire } from './kernel/wire.js'
import { Live } from './services/live.js'
import type { Logger } from './log.js'
import { daemonCollectors } from './metrics/collectors.js'
import { Metrics } from './metrics/metrics.js'
import type { Collector } from './metrics/text.js'
import { DEFAULT_LIMITS } from './owners/facts.js'
import { Owners } from './owners/owners.js'
import { ruleGuard } from './daemon/guard.js'
import { leftRules, openKernel, ruleStore, settle } from './daemon/keep.js'
import { Meters } from './daemon/meters.js'
import { type DaemonParts, hostParts } from './daemon/parts.js'
import { readiness } from './daemon/readiness.js'
import { PackControl } from './packs/control.js'
import { beside } from './daemon/contracts.js'
import { ruleControl } from './rules/control.js'
import { Catalog } from './services/catalog.js'
import { Identifier } from './services/identify.js'
import { ServiceRegistry } from './services/registry.js'
import { Traffic } from './services/traffic.js'

const MS = { refresh: 5000, fresh: 1000, interfaces: 2000, budget: 1000 }
const EVENTS = { subscribers: 64, queue: 1000 }
/** Settings that reload() takes over; `run` sees to the log's. */
const RELOADABLE = /^(services|packs|log)\./

export class Daemon implements AsyncDisposable {
  readonly #config: Config
  readonly #log: Logger
  readonly #parts: DaemonParts
  /** What to undo, in the order in which it was done. */
  readonly #undo: (() => unknown)[] = []
  readonly #host: Attachment[] = []
  readonly #cgroup: string | null
  readonly #kernel: Kernel
  readonly #listeners: Listeners
  readonly #wire: Wire
  readonly #table: FlowTable
  readonly #owners: Owners
  readonly #catalog: Catalog
  readonly #traffic: Traffic
  readonly #meters: Meters
  readonly #refresher: Refresher
  readonly #events: EventHub
  readonly #packs: PackControl
  #updating: Promise<void> | undefined

  static async start(config: Config, log: Logger, given?: DaemonParts): Promise<Daemon> {
    const parts = given ?? (await hostParts())
    const door = new Door()
    // First of all: a second daemon finds out here, before it has touched anything.
    const listeners = await Listeners.open(config.listen.map(parseListen), door.handle, parts.env)
    let daemon: Daemon | undefined
    try {
      daemon = new Daemon(config, log, parts, await openKernel(parts.source, config, log.child({ area: 'keep' })), listeners)
      await daemon.#open(door)
      return daemon
    } catch (error) {
      await (daemon ?? listeners)[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(config: Config, log: Logger, parts: DaemonParts, kernel: Kernel, listeners: Listeners) {
    const { limits, flows, services } = config
    const now = () => performance.now()
    const cgroup = config.cgroup.path === 'auto' ? cgroupMount(parts.roots.proc) : config.cgroup.path
    this.#cgroup = cgroup
    this.#config = config
    this.#log = log
    this.#parts = parts
    this.#kernel = kernel
    this.#listeners = listeners
    this.#undo.push(() => kernel.close())
    const interfaces = interfaceLister(parts.source, parts.roots.sys)
    this.#wire = new Wire(kernel, config.wire, interfaces, log.child({ area: 'wire' }))
    this.#table = new FlowTable({ flows: limits.flows, history: flows.history, labelBytes: limits.labels_bytes, idle: flows.idle_seconds })
    this.#owners = new Owners({ ...parts.roots, cgroup }, parts.clock)
    this.#undo.push(() => this.#owners.close())
    this.#catalog = new Catalog({
      table: this.#table,
      owners: this.#owners,
      identifier: new Identifier(services),
      registry: new ServiceRegistry(),
      interfaces: new InterfaceNames(interfaces, now),
      epochMs: () => Number(parts.clock.realtimeNs() - parts.clock.monotonicNs()) / 1e6,
    })
    this.#traffic = new Traffic(limits.aggregates)
    this.#meters = new Meters(kernel, config, this.#catalog, cgroup, log)
    this.#refresher = new Refresher(kernel, this.#table, { minimumMs: MS.fresh, now })
    this.#packs = new PackControl(kernel, parts.packChecks, log.child({ area: 'packs' }))
    this.#events = new EventHub(this.#catalog, EVENTS)
    this.#undo.push(() => this.#events.close())
  }

  get addresses(): readonly string[] {
    return this.#listeners.addresses
  }

  async #open(door: Door): Promise<void> {
    const guard = ruleGuard(this.#parts, this.#config, this.#table, () => this.#listeners.tcp)
    const rules = ruleControl(this.#kernel, this.#parts, this.#log, ruleStore(this.#kernel, this.#config), guard)
    const place = {
      kernel: this.#kernel,
      parts: this.#parts,
      catalog: this.#catalog,
      wire: this.#wire,
      events: this.#events,
      log: this.#log,
    }
    const { collectors, sync, ...told } = beside(rules, guard, place, this.#config.metrics.max_series)
    const context = {
      version: this.#parts.version,
      catalog: this.#catalog,
      traffic: this.#traffic,
      updateTraffic: () => this.#updateTraffic(),
      refresher: this.#refresher,
      events: this.#events,
      rules,
      ...told,
      packs: this.#packs,
      metrics: this.#metrics(...collectors),
      readiness: () => this.#readiness(),
    }
    const app = await buildApi(context, this.#log.child({ area: 'api' }))
    this.#undo.push(() => app.close())
    this.#undo.push(() => this.#listeners[Symbol.asyncDispose]())
    door.open((request, response) => app.routing(request, response))
    this.#undo.push(() => this.#events.close()) // ends the streams, which would hold the listeners up
    const quic = this.#config.deep.quic && this.#parts.readTls ? new QuicInitials(this.#parts.readTls) : undefined
    this.#kernel.startRing(new Live(this.#table, this.#catalog, this.#owners, quic, rules).onBatch)
    this.#meters.start()
    this.#packs.take(this.#config.packs.folder) // before the rules, which may name them
    await rules.start(this.#config.rules.folder, leftRules(this.#kernel)) // in force with the first packet that is seen
    await this.#attach()
    settle(this.#kernel, this.#log.child({ area: 'keep' }))
    await this.#owners.boot()
    await this.#refresher.fresh()
    await this.#updateTraffic().catch(() => undefined) // told by the first scrape again
    this.#every(MS.refresh, () => this.#refresher.fresh().then(sync))
    this.#every(MS.interfaces, () => this.#wire.sync().then(() => rules.sync()))
    this.#every(MS.refresh, () => this.#kernel.expire())
    this.#every(MS.budget, async () => this.#meters.budget.sample())
    for (const address of this.addresses) this.#log.info({ area: 'api', address }, `API at ${address}`)
    const tcp = this.addresses.find((address) => !address.startsWith('unix:') && !address.startsWith('fd:'))
    this.#log.info({ area: 'api' }, tcp === undefined ? 'metrics at /metrics of these' : `metrics at http://${tcp}/metrics`)
  }

  async #attach(): Promise<void> {
    await attachHost(this.#kernel, this.#config.socket.enabled, this.#cgroup, this.#log.child({ area: 'kernel' }), this.#host)
    await this.#wire.sync()
    if (!this.#wire.wanted) this.#log.info({ area: 'wire' }, 'wire view is switched off')
    else if (this.#wire.attachments.length === 0)
      this.#log.warn({ area: 'wire', interfaces: this.#config.wire.interfaces.join(', ') }, 'no interface of these is there yet')
  }

  #every(ms: number, work: () => Promise<void>): void {
    const timer = setInterval(() => void work().catch((error: unknown) => this.#log.warn({ err: error }, 'periodic work failed')), ms)
    this.#undo.push(() => clearInterval(timer))
  }

  #updateTraffic(): Promise<void> {
    this.#updating ??= this.#kernel
      .aggregates()
      .then((buffer) => this.#traffic.update(buffer, this.#catalog.resolveRow))
      .finally(() => {
        this.#updating = undefined
      })
    return this.#updating
  }

  #metrics(...more: Collector[]): Metrics {
    const { metrics, limits, flows } = this.#config
    const collectors = daemonCollectors({
      kernel: this.#kernel,
      build: { version: this.#parts.version, ...this.#parts.source.version() },
      traffic: this.#traffic,
      registry: this.#catalog.registry,
      maxSeries: metrics.max_series,
      labels: metrics.labels,
      updateTraffic: () => this.#updateTraffic(),
      ...this.#meters.parts,
      attachments: () => [...this.#host, ...this.#wire.attachments],
      fills: () => [
        { name: 'daemon_flows', entries: this.#table.live, capacity: limits.flows },
        { name: 'daemon_history', entries: this.#table.ended, capacity: flows.history },
        { name: 'daemon_services', entries: this.#catalog.registry.size, capacity: this.#catalog.registry.limit },
        { name: 'daemon_aggregates', entries: this.#traffic.rows, capacity: limits.aggregates },
        { name: 'daemon_owners', entries: this.#owners.sizes.facts, capacity: DEFAULT_LIMITS.facts },
      ],
      losses: () => ({
        daemon_table_full: this.#table.losses.full,
        daemon_end_missed: this.#table.losses.vanished,
        daemon_labels_refused: this.#table.labelsRefused,
        daemon_events_dropped: this.#events.dropped,
        daemon_aggregates_lost: this.#traffic.lost,
        daemon_dump_failed: this.#refresher.state.failures,
      }),
    })
    const failed = (collector: string, err: unknown) => this.#log.warn({ area: 'metrics', collector, err }, 'a collector failed')
    return new Metrics([...collectors, this.#meters.budget, ...more], failed, () => performance.now())
  }

  #readiness(): Readiness {
    const attachments = [...this.#host, ...this.#wire.attachments]
    return readiness({ attachments, skipped: this.#kernel.skipped, refresh: this.#refresher.state, more: this.#meters.budget.checks })
  }

  /** Takes over the rules for services and the signature packs; gives the settings that only a restart changes. */
  reload(config: Config): readonly string[] {
    this.#catalog.setIdentifier(new Identifier(config.services))
    this.#traffic.reassign()
    this.#meters.reassign()
    this.#packs.take(config.packs.folder)
    return changedSettings(this.#config, config).filter((path) => !RELOADABLE.test(path))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo()
      } catch (error) {
        this.#log.warn({ err: error }, 'a step of stopping failed')
      }
    }
  }
}
