// SPDX-License-Identifier: Apache-2.0
// The daemon when interfaces go and come, when others take what it attached, when it is frozen, and when it may not cost anything:
// back in full service within five seconds, and no packet is missing from the sums.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addonPath, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { metric } from '../lib/metric.js'
import { Netns, Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/faults: skipped, ${reason}`)

const FULL_SERVICE_MS = 5000
/** Sends DNS questions from as many ports as are given; each is an event for its verdict, and one for its labels. */
const SENDER = `
import socket, sys
host, first, count, each = sys.argv[1], *map(int, sys.argv[2:5])
for port in range(first, first + count):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('', port))
    for i in range(each):
        s.sendto(bytes.fromhex('123401000001000000000000') + b'\\x07example\\x03org\\x00\\x00\\x01\\x00\\x01', (host, 53))
    s.close()
`

describe.skipIf(reason !== undefined)('faults', () => {
  let dir: TempDir
  let pair: Pair
  beforeAll(() => {
    sweep()
    dir = new TempDir('faults')
    pair = new Pair()
  })
  afterAll(() => {
    pair?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  const page = async (daemon: Daemon): Promise<string> => (await daemon.get('/metrics')).text
  /** Programs that are attached to an interface, by /metrics. */
  const attached = async (daemon: Daemon, target: string): Promise<number> =>
    metric(await page(daemon), 'flowident_attach_mode', { target })
  /** Waits until it is so, and for no longer than service may be less than full. */
  const soon = (what: string, is: () => Promise<boolean>): Promise<unknown> => until(what, is, FULL_SERVICE_MS)
  const send = (first: number, count: number, each: number): void =>
    void pair.client.exec('python3', '-c', SENDER, SERVER.v4, String(first), String(count), String(each))

  /** Both sides of the equation, once no packet is on its way. */
  const balanced = async (daemon: Daemon): Promise<string> => {
    let text = ''
    await until('each packet to be in a flow or under a cause', async () => {
      text = await page(daemon)
      const seen = metric(text, 'flowident_tap_packets_total')
      return seen > 0 && seen === metric(text, 'flowident_accounted_packets_total') + metric(text, 'flowident_unaccounted_packets_total')
    })
    return text
  }

  describe('of interfaces', () => {
    let daemon: Daemon
    beforeAll(async () => {
      daemon = await Daemon.start(dir, {
        netns: pair.server.name,
        interfaces: ['e*'],
        config: '  egress: clsact\nsocket:\n  enabled: false\n',
      })
    }, 70_000)
    afterAll(async () => {
      await daemon?.[Symbol.asyncDispose]()
    })
    const both = (target: string) => async (): Promise<boolean> => (await attached(daemon, target)) === 2
    const veth = (name: string): void => {
      pair.server.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `peer-${name}`)
      pair.server.up(name)
    }

    it('one that is new, goes and comes back', async () => {
      veth('e1')
      await soon('e1 to be watched', both('e1'))
      pair.server.ip('link', 'del', 'e1')
      await soon('e1 to be forgotten', async () => (await attached(daemon, 'e1')) === 0)
      veth('e1')
      await soon('e1 to be watched again', both('e1'))
    })

    it('one that goes and comes back with its number before anybody looks', async () => {
      const number = String(pair.server.ifindex('e1'))
      pair.server.ip('link', 'del', 'e1')
      pair.server.ip('link', 'add', 'e1', 'index', number, 'type', 'veth', 'peer', 'name', 'peer-e1')
      pair.server.up('e1')
      const xdp = async (): Promise<boolean> => pair.server.ip('-d', 'link', 'show', 'e1').includes('prog/xdp')
      await soon('XDP to be on the new e1', xdp)
      await soon('e1 to be watched', both('e1'))
    })

    it('one that is renamed', async () => {
      pair.server.ip('link', 'set', 'e1', 'down')
      pair.server.ip('link', 'set', 'e1', 'name', 'e2')
      pair.server.ip('link', 'set', 'e2', 'up')
      await soon('e2 to be watched', both('e2'))
      expect(await attached(daemon, 'e1')).toBe(0)
    })

    it('one whose queueing discipline, with our classifier, is taken away', async () => {
      pair.server.exec('tc', 'qdisc', 'del', 'dev', 'e2', 'clsact')
      await soon('the classifier to be back', async () =>
        pair.server.exec('tc', 'filter', 'show', 'dev', 'e2', 'egress').includes('fi_tc_egress'),
      )
    })

    it('one in a namespace that is new', async () => {
      using other = new Netns('late')
      pair.server.ip('link', 'add', 'e3', 'type', 'veth', 'peer', 'name', 'far', 'netns', other.name)
      pair.server.up('e3')
      other.up('far')
      await soon('e3 to be watched', both('e3'))
      pair.server.ip('link', 'del', 'e3')
    })

    it('one whose XDP slot another program holds: said who it is, seen by TC; and taken when it is free', async () => {
      pair.server.ip('link', 'add', 'x4', 'type', 'veth', 'peer', 'name', 'peer-x4')
      const script = `
        const addon = require(${JSON.stringify(addonPath)})
        addon.openKernel({ without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_tc_ingress', 'fi_tc_egress', 'fi_filter'] }).then(async (k) => {
          const made = await k.attachInterface(${pair.server.ifindex('x4')}, { xdp: 'generic', egress: 'off' })
          console.log('holds', made[0].ok)
          setInterval(() => {}, 1000)
        })`
      const holder = new Proc([process.execPath, '-e', script], { netns: pair.server.name })
      try {
        await until('the other program', () => holder.stdout.includes('holds true'), 60_000)
        pair.server.ip('link', 'set', 'x4', 'name', 'e4')
        pair.server.up('e4')
        await soon('e4 to be watched', both('e4'))
        const { text } = await daemon.get('/readyz?verbose')
        expect(text).toMatch(/fi_tc_ingress on e4[^}]*since [^}]*program fi_xdp \(id \d+, generic\) holds the XDP slot/)
      } finally {
        await holder.stop('SIGKILL')
      }
      await soon('XDP on e4', async () => metric(await page(daemon), 'flowident_attach_mode', { target: 'e4', program: 'fi_xdp' }) === 1)
      await soon('all of e4', both('e4'))
    })

    it('tells of each in the log', () => {
      for (const text of [
        'wire view attached',
        'interface is gone',
        'interface was renamed',
        'an attachment was taken away',
        'the XDP slot is free',
      ])
        expect(daemon.proc.stderr + daemon.proc.stdout).toContain(text)
    })
  })

  it('frozen while packets come: events are lost and counted, sums are not', { timeout: 90_000 }, async () => {
    await using daemon = await Daemon.start(dir, {
      netns: pair.server.name,
      interfaces: ['e0'],
      config: 'socket:\n  enabled: false\nlimits:\n  ring_bytes: 65536\n',
    })
    send(20_000, 20, 3)
    await balanced(daemon)
    daemon.proc.signal('SIGSTOP')
    try {
      send(21_000, 400, 12)
    } finally {
      daemon.proc.signal('SIGCONT')
    }
    const text = await balanced(daemon)
    expect(metric(text, 'flowident_losses_total', { cause: 'ring_full' })).toBeGreaterThan(0)
    expect(metric(text, 'flowident_tap_packets_total', { direction: 'rx' })).toBeGreaterThanOrEqual(20 * 3 + 400 * 12)
    // and it is back: a flow that comes now is there with all its packets
    send(22_000, 1, 5)
    await until('the last flow', async () =>
      (await daemon.flows()).some((flow) => flow['source.port'] === 22_000 && Number(flow['source.packets']) === 5),
    )
  })

  it('without any CPU time: step by step less is done, sums stay exact', { timeout: 90_000 }, async () => {
    await using daemon = await Daemon.start(dir, {
      netns: pair.server.name,
      interfaces: ['e0'],
      config: 'socket:\n  enabled: false\nbudget:\n  cpu: 0.01%\n',
    })
    const step = async (name: string): Promise<boolean> => metric(await page(daemon), 'flowident_budget_step', { step: name }) === 1
    await until('flows to be counted only', () => step('counters'), 40_000)
    send(24_000, 1, 1)
    const before = metric(await balanced(daemon), 'flowident_losses_total', { cause: 'budget' })
    send(23_000, 50, 4)
    const text = await balanced(daemon)
    expect(metric(text, 'flowident_losses_total', { cause: 'budget' }) - before).toBeGreaterThanOrEqual(50)
    expect((await daemon.get('/readyz?verbose')).text).toContain('new flows are only counted')
    expect(daemon.proc.stderr + daemon.proc.stdout).toContain('CPU budget exceeded')
  })
})
