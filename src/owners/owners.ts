// SPDX-License-Identifier: Apache-2.0
// Who is behind a socket: puts the resolvers of this folder together and keeps, for each conclusion, what it came from.

import type { CgroupRecord, ExecRecord } from '../flows/decode.js'
import type { OwnerRecord } from '../flows/owner-record.js'
import { inSlices, readProcesses, type SliceOptions } from './boot.js'
import { type Cgroup, Cgroups } from './cgroup.js'
import { components, type ProcessCgroups, readProcessCgroups } from './cgroup-path.js'
import { type ContainerFacts, readContainers } from './container.js'
import { type Clock, DEFAULT_LIMITS, OWNER_HOW, type OwnerFacts, type OwnerLimits, type OwnerRoots } from './facts.js'
import { readPod } from './k8s.js'
import { Lru } from './lru.js'
import { Netns } from './netns.js'
import { ProcFiles } from './proc-files.js'
import { Processes } from './process.js'
import { readUnits, type UnitFacts } from './systemd.js'
import { Users } from './user.js'

// What is missing may turn up (a directory walk, a name server's file): looked for again after this time.
const RETRY_NS = 1_000_000_000n
// Names change under us (passwd, ip netns): even complete facts are put together again after this time.
const FRESH_NS = 30_000_000_000n
const WALK_NS = 1_000_000_000n

interface Kept {
  facts: OwnerFacts
  until: bigint
}

export class Owners {
  readonly #roots: OwnerRoots
  readonly #clock: Clock
  readonly #limits: OwnerLimits
  readonly #files: ProcFiles
  readonly #processes: Processes
  readonly #cgroups: Cgroups
  readonly #users: Users
  readonly #netns: Netns
  readonly #kept: Lru<string, Kept>
  readonly #stop = new AbortController()
  #walking = false
  #walked: bigint | undefined

  constructor(roots: OwnerRoots, clock: Clock, limits: Partial<OwnerLimits> = {}) {
    this.#roots = roots
    this.#clock = clock
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.#files = new ProcFiles(roots.proc)
    this.#processes = new Processes(this.#files, clock, this.#limits.processes)
    this.#cgroups = new Cgroups(roots.cgroup, clock, this.#limits)
    this.#users = new Users(roots.passwd, clock)
    this.#netns = new Netns(roots.proc, roots.run, clock)
    this.#kept = new Lru(this.#limits.facts)
  }

  /** Entries in each table. */
  get sizes(): { processes: number; cgroups: number; facts: number } {
    return { processes: this.#processes.size, cgroups: this.#cgroups.size, facts: this.#kept.size }
  }

  /** Reads the processes and cgroups that exist now, without holding up the event loop. */
  async boot(options: Omit<SliceOptions, 'signal'> = {}): Promise<{ processes: number; cgroups: number }> {
    const cgroups = await this.#walk(options)
    const work = readProcesses(this.#roots.proc, this.#files, this.#processes, this.#limits.processes)
    const processes = await inSlices(work, { ...options, signal: this.#stop.signal })
    this.#kept.clear()
    return { cgroups, processes: processes ?? 0 }
  }

  close(): void {
    this.#stop.abort()
  }

  onExec(record: ExecRecord): void {
    this.#processes.onExec(record)
  }

  onCgroup(record: CgroupRecord): void {
    this.#cgroups.onRecord(record)
  }

  resolve(owner: OwnerRecord): OwnerFacts {
    const now = this.#clock.monotonicNs()
    const key = `${owner.pid}.${owner.startNs}.${owner.execId}.${owner.exeIno}.${owner.cgroup}.${owner.uid}.${owner.netns}.${owner.how}`
    const kept = this.#kept.get(key)
    if (kept && now < kept.until) return kept.facts
    const facts = this.#resolve(owner)
    const complete = facts.exePath !== undefined && facts.cgroupPath !== undefined
    this.#kept.set(key, { facts, until: now + (complete ? FRESH_NS : RETRY_NS) })
    return facts
  }

  #resolve(owner: OwnerRecord): OwnerFacts {
    const { pid, ppid, startNs, comm, uid, netns } = owner
    const how = OWNER_HOW[owner.how] ?? 'none'
    const facts: OwnerFacts = { pid, ppid, startNs, comm, uid, cgroupId: owner.cgroup, netns, how, reasons: [] }
    if (how === 'none' && pid === 0) return facts
    note(facts, 'pid', `${pid}`, HOW[how])
    this.#program(facts, owner)
    const user = this.#users.name(uid)
    if (user !== undefined) {
      facts.userName = user
      note(facts, 'userName', user, 'passwd file')
    }
    this.#group(facts, owner)
    this.#network(facts)
    return facts
  }

  #program(facts: OwnerFacts, owner: OwnerRecord): void {
    const program = this.#processes.resolve(owner)
    if (program.exePath !== undefined) {
      facts.exePath = program.exePath
      note(facts, 'exePath', program.exePath, program.exeFrom ?? '')
    }
    if (program.exeDeleted) facts.exeDeleted = true
    if (program.commandLine !== undefined) {
      facts.commandLine = program.commandLine
      note(facts, 'commandLine', program.commandLine, program.commandFrom ?? '')
    }
  }

  #group(facts: OwnerFacts, owner: OwnerRecord): void {
    let cgroup = this.#cgroups.lookup(owner.cgroup)
    let own: ProcessCgroups | undefined
    if (!cgroup || cgroup.cut || cgroup.path === '/') {
      const text = this.#processes.cgroups(owner)
      own = text === undefined ? undefined : readProcessCgroups(text)
      if (cgroup?.path !== '/') cgroup = this.#find(owner, own) ?? cgroup
    }
    if (cgroup && !cgroup.cut) {
      facts.cgroupPath = cgroup.path
      if (cgroup.removedAt !== undefined) facts.cgroupRemoved = true
      note(facts, 'cgroupPath', cgroup.path, `cgroup id ${owner.cgroup}, ${cgroup.from}`)
      this.#place(facts, cgroup.path, true)
    }
    // Hybrid and legacy layouts: engines and systemd may have placed the process in the v1 hierarchies only.
    if (!own) return
    if (facts.unit === undefined && own.systemd !== undefined) this.#place(facts, own.systemd, false)
    for (const path of own.others) if (!facts.container) this.#place(facts, path, false)
  }

  #find(owner: OwnerRecord, own: ProcessCgroups | undefined): Cgroup | undefined {
    const found = own?.unified === undefined ? undefined : this.#cgroups.adopt(owner.cgroup, own.unified, `/proc/${owner.pid}/cgroup`)
    if (!found && owner.cgroup !== 0n) this.#walkSoon()
    return found
  }

  /** Units, containers, pods and machines along one path. */
  #place(facts: OwnerFacts, path: string, unified: boolean): void {
    const from = unified ? `cgroup path ${path}` : `v1 cgroup path ${path}`
    const parts = components(path)
    const units = readUnits(path)
    if (facts.unit === undefined) placeUnits(facts, units, from)
    const found = readContainers(parts)
    const inner = found.chain.at(-1)
    if (inner && !facts.container) {
      const { index, ...ref } = inner
      const created = unified ? this.#cgroups.created(`/${parts.slice(0, index + 1).join('/')}`) : undefined
      facts.container = { ...ref, ...created }
      note(facts, 'container', `${ref.runtime} ${ref.shortId}`, ref.user === undefined ? from : `${from}, as named by user ${ref.user}`)
      if (found.chain.length > 1) facts.containerChain = found.chain.map(({ index: _, ...outer }) => outer)
    }
    this.#machines(facts, found, from)
    const pod = readPod(parts)
    if (pod && facts.podUid === undefined) {
      facts.podUid = pod.uid
      facts.podQos = pod.qos
      note(facts, 'podUid', pod.uid, from)
    }
    // A service manager inside the container has units of its own, below the container's cgroup.
    const below = innerUnit(parts, inner?.index)
    if (below !== undefined && facts.innerUnit === undefined) {
      facts.innerUnit = below
      note(facts, 'innerUnit', below, from)
    }
  }

  #machines(facts: OwnerFacts, found: ContainerFacts, from: string): void {
    if (found.manages !== undefined) {
      facts.manages = found.manages
      note(facts, 'manages', found.manages, from)
    }
    if (found.podmanPod !== undefined) {
      facts.podmanPod = found.podmanPod
      note(facts, 'podmanPod', found.podmanPod, from)
    }
    if (found.vm) {
      const { index: _, ...vm } = found.vm
      facts.vm = vm
      note(facts, 'vm', vm.name, from)
    }
  }

  #network(facts: OwnerFacts): void {
    const { container, podUid, netns } = facts
    if (podUid !== undefined) this.#netns.learn(netns, `pod:${podUid}`, 'pod that lives there')
    else if (container) this.#netns.learn(netns, `${container.runtime}:${container.shortId}`, 'container that lives there')
    const name = this.#netns.name(netns)
    if (!name) return
    facts.netnsName = name.name
    note(facts, 'netnsName', name.name, name.from)
  }

  /** A cgroup nobody told us about: made before we listened, or its record was lost. */
  #walkSoon(): void {
    const now = this.#clock.monotonicNs()
    if (this.#walking || this.#roots.cgroup === null || (this.#walked !== undefined && now - this.#walked < WALK_NS)) return
    void this.#walk({})
  }

  async #walk(options: SliceOptions): Promise<number> {
    if (this.#walking || this.#stop.signal.aborted) return 0
    this.#walking = true
    try {
      return (await inSlices(this.#cgroups.walk(), { ...options, signal: this.#stop.signal })) ?? 0
    } finally {
      this.#walking = false
      this.#walked = this.#clock.monotonicNs()
    }
  }
}

const HOW = {
  none: 'process of the record',
  created: 'process that created the socket',
  found: 'process that had the socket open at start-up',
  used: 'process that sends or receives on the socket',
} as const

function note(facts: OwnerFacts, field: string, value: string, from: string): void {
  facts.reasons.push({ field, value, from })
}

function placeUnits(facts: OwnerFacts, units: UnitFacts, from: string): void {
  const { unit, userUnit, slice, session } = units
  for (const [field, value] of Object.entries({ unit, userUnit, slice, session })) if (value !== undefined) note(facts, field, value, from)
  if (unit !== undefined) facts.unit = unit
  if (userUnit !== undefined) facts.userUnit = userUnit
  if (slice !== undefined) facts.slice = slice
  if (session !== undefined) facts.session = session
}

function innerUnit(parts: readonly string[], container: number | undefined): string | undefined {
  if (container === undefined) return undefined
  const below = parts.slice(container + 1)
  if (below[0] === 'payload' || below[0] === 'container') below.shift()
  const inside = readUnits(`/${below.join('/')}`)
  return inside.userUnit ?? inside.unit
}
