// SPDX-License-Identifier: Apache-2.0
// CPU time and traffic of a real cgroup, against its own cpu.stat and what was sent.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cgroup } from '../lib/cgroup.js'
import { Daemon, daemonUnavailable } from '../lib/daemon.js'
import { metric } from '../lib/metric.js'
import { Netns, unavailable } from '../lib/netns.js'
import { Proc } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/resources: skipped, ${reason}`)

/** Sends 100 datagrams of 1,000 bytes to itself and burns a little time. */
const WORK = `
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', 0))
s.connect(s.getsockname())
for i in range(100):
    s.send(b'x' * 1000)
    s.recv(2000)
until = time.process_time() + 0.2
while time.process_time() < until:
    pass
`

describe.skipIf(reason !== undefined)('resources', () => {
  let dir: TempDir
  let ns: Netns
  let group: Cgroup
  let daemon: Daemon

  beforeAll(async () => {
    sweep()
    dir = new TempDir('resources')
    ns = new Netns('r')
    group = new Cgroup('work.service')
    daemon = await Daemon.start(dir, { config: 'metrics:\n  resources: true\n' })
  }, 60_000)
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    group?.[Symbol.dispose]()
    ns?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  it('of a unit stand beside its traffic', async () => {
    const proc = new Proc(['python3', '-c', WORK], { netns: ns.name, cgroup: group.path })
    expect((await proc.finish()).code).toBe(0)
    const { text } = await daemon.get('/metrics')
    const of = (name: string) => metric(text, `container_${name}`, { id: group.name })
    const truth = Number(/^usage_usec (\d+)/.exec(readFileSync(`${group.path}/cpu.stat`, 'utf8'))?.[1]) / 1e6
    console.log(`${of('cpu_usage_seconds_total')} of ${truth} s`)
    expect(of('cpu_usage_seconds_total')).toBeGreaterThan(0.2)
    expect(of('cpu_usage_seconds_total')).toBe(truth)
    expect(of('network_transmit_bytes_total')).toBe(100 * 1028)
    expect(of('network_receive_bytes_total')).toBe(100 * 1028)
    expect(of('network_receive_packets_total')).toBe(100)
    expect(metric(text, 'flowident_collector_success', { collector: 'resources' })).toBe(1)
  }, 30_000)
})
