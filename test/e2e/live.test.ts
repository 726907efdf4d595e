// SPDX-License-Identifier: Apache-2.0
// The real daemon watches real servers and clients, in namespaces joined by a veth pair and on loopback, each on its
// usual and on an odd port. Every flow must have the right protocol, stack, labels and owner at both ends, and its
// counters must equal what the test counted in a capture of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Capture } from '../lib/capture.js'
import { type Case, cases, type Visit } from '../lib/cases.js'
import { Cgroup } from '../lib/cgroup.js'
import { counters, identity, named, owner, sameTuple } from '../lib/compare.js'
import { type Flow, flowsOf } from '../lib/count.js'
import { type ApiFlow, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { CLIENT, type Netns, Pair, SERVER, unavailable } from '../lib/netns.js'
import { readPcap } from '../lib/pcap.js'
import { Proc, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/live: skipped, ${reason}`)

/** A visit that took place. */
interface Done {
  visit: Visit
  service: Case
  port: number
  where: 'veth' | 'loopback'
  family: 4 | 6
  clientPid: number
  serverPid: number
  truth: Flow
}

describe.skipIf(reason !== undefined)('live traffic', () => {
  let dir: TempDir
  let pair: Pair
  let group: Cgroup
  let daemon: Daemon
  const servers: Proc[] = []
  const done: Done[] = []
  let flows: ApiFlow[] = []
  const dirService = new Map<string, Proc>()

  async function visit(ns: Netns, v: Visit, address: string, port: number): Promise<number> {
    const proc = new Proc(v.argv(address, port), { netns: ns.name, cwd: dir.path, env: v.env, cgroup: group.path })
    const { pid } = proc
    const { code, stdout, stderr } = await proc.finish()
    if (!(v.codes ?? [0]).includes(code ?? -1)) throw new Error(`${proc.argv.join(' ')}: ${code}\n${stdout}${stderr}`)
    return pid
  }

  /** All visits on one link, one after the other; then each is joined to its flow in the capture. */
  async function round(where: Done['where'], services: readonly Case[]): Promise<void> {
    const ns = where === 'veth' ? pair.client : pair.server
    const targets = where === 'veth' ? SERVER : { v4: '127.0.0.1', v6: '::1' }
    const file = dir.file(`${where}.pcap`)
    const capture = await Capture.start(ns, where === 'veth' ? 'e0' : 'lo', file)
    const visited: Omit<Done, 'truth'>[] = []
    for (const service of services)
      for (const [i, port] of service.ports.entries())
        for (const v of service.visits) {
          const family = i === 0 ? 4 : 6 // usual ports over IPv4, odd ones over IPv6
          const clientPid = await visit(ns, v, family === 4 ? targets.v4 : targets.v6, port)
          const serverPid = dirService.get(`${service.name} ${port}`)?.pid ?? -1
          visited.push({ visit: v, service, port, where, family, clientPid, serverPid })
        }
    await capture.stop()
    const seen = flowsOf(readPcap(file))
    for (const v of visited) {
      const truth = seen.filter((f) => f.transport === (v.visit.transport ?? 'tcp') && f.destination.port === v.port)
      if (truth.length !== 1) throw new Error(`${v.service.name} on ${v.port}: ${truth.length} flows in the capture`)
      done.push({ ...v, truth: truth[0] as Flow })
    }
  }

  beforeAll(async () => {
    sweep()
    dir = new TempDir('live')
    pair = new Pair()
    pair.server.plainOffloads('lo')
    group = new Cgroup('live')
    const services = cases(dir)
    daemon = await Daemon.start(dir)
    const started = services.flatMap((service) => service.ports.map((port) => ({ service, port })))
    for (const { service, port } of started) {
      const proc = await service.start({ netns: pair.server.name, dir, cgroup: group.path }, port)
      servers.push(proc)
      dirService.set(`${service.name} ${port}`, proc)
    }
    await round('veth', services)
    await round('loopback', services)
    await until('all flows in the API', async () => {
      flows = await daemon.flows()
      return done.every(
        (d) => flows.filter((f) => f.view === 'socket' && sameTuple(f, d.truth) && f['flowident.state'] === 'ended').length >= 2,
      )
    }).catch(() => undefined) // what is missing is told flow by flow below
  }, 180_000)

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    await Promise.all(servers.map((s) => s.stop()))
    pair?.[Symbol.dispose]()
    group?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  /** What the daemon has of one end of a flow. */
  function end(d: Done, role: 'client' | 'server'): ApiFlow {
    const found = flows.filter((f) => f.view === 'socket' && f.role === role && sameTuple(f, d.truth))
    expect(found, `${named(d.truth)} as ${role}; alike: ${JSON.stringify(flows.filter((f) => sameTuple(f, d.truth)))}`).toHaveLength(1)
    return found[0] as ApiFlow
  }

  /** All visits, each with its differences; the test fails with all of them at once. */
  function every(check: (d: Done, role: 'client' | 'server', flow: ApiFlow) => string[]): void {
    const wrong: string[] = []
    expect(done.length).toBeGreaterThan(0)
    for (const d of done)
      for (const role of ['client', 'server'] as const)
        for (const difference of check(d, role, end(d, role)))
          wrong.push(`${d.where} ${d.service.name} ${d.visit.name} port ${d.port} (${role}): ${difference}`)
    expect(wrong).toEqual([])
  }

  it('visited every service on both links, on both ports', () => {
    const visits = cases(dir).reduce((sum, c) => sum + c.visits.length * c.ports.length, 0)
    expect(done).toHaveLength(visits * 2)
    expect(new Set(done.map((d) => d.truth.source.address))).toEqual(new Set([CLIENT.v4, CLIENT.v6, '127.0.0.1', '::1']))
  })

  it('names protocol, stack and labels', () => every((d, _role, flow) => identity(flow, d.visit)))

  it('counts packets and bytes as the capture does', () =>
    every((d, role, flow) => {
      // The end that closed first may be without a socket while the last packets pass; the other end sees them all.
      const closer = d.truth.closer === 'source' ? 'client' : d.truth.closer === 'destination' ? 'server' : undefined
      return counters(flow, d.truth, closer === role ? d.truth.late : undefined)
    }))

  it('knows the owner of both ends', () =>
    every((d, role, flow) => {
      const netns = (role === 'client' && d.where === 'veth' ? pair.client : pair.server).inode
      const pid = role === 'client' ? d.clientPid : d.service.single === true ? d.serverPid : undefined
      const known = role === 'client' ? d.visit.client : d.service.server
      return owner(flow, { ...known, netns, cgroup: group.name, ...(pid === undefined ? {} : { pid }) })
    }))

  it('leaves no flow of the tests unknown', () => {
    const ports = new Set(done.map((d) => d.port))
    const unknown = flows.filter((f) => ports.has(Number(f['destination.port'])) && f['network.protocol.name'] === 'unknown')
    expect(unknown).toEqual([])
  })
})
