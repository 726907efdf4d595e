// SPDX-License-Identifier: Apache-2.0
// The wire view on a veth interface: XDP for what comes in, TCX (or clsact) for what goes out, through every kind of
// tag and tunnel, and IP fragments. Counted against a capture on the same interface.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Capture } from '../lib/capture.js'
import { counters, identity, type Known, named, sameTuple } from '../lib/compare.js'
import { flowsOf } from '../lib/count.js'
import { type ApiFlow, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { INNER_SERVER, inner, WRAP_ID, WRAPS, wrapPair } from '../lib/links.js'
import { Pair, SERVER, unavailable } from '../lib/netns.js'
import { readPcap } from '../lib/pcap.js'
import { type Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { named as bind } from '../lib/servers/system.js'
import { nginx } from '../lib/servers/web.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/wire: skipped, ${reason}`)

const HTTP: Known = { protocol: 'http1', labels: { 'http.host': 'web.example.test' } }
const DNS: Known = { protocol: 'dns', labels: { 'dns.question.name': 'www.example.test', 'dns.question.type': 'A' } }
const BIG: Known = { protocol: 'dns', labels: { 'dns.question.name': 'big.example.test', 'dns.question.type': 'TXT' } }

describe.skipIf(reason !== undefined)('wire view', () => {
  let dir: TempDir
  let pair: Pair
  let procs: Proc[] = []

  beforeEach(() => {
    sweep()
    dir = new TempDir('wire')
    pair = new Pair()
  })

  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop()))
    procs = []
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  async function get(address: string): Promise<void> {
    const host = address.includes(':') ? `[${address}]` : address
    await run(['curl', '-s', '-g', '-m', '5', '-H', 'Host: web.example.test', `http://${host}:8080/`], { netns: pair.client.name })
  }

  async function ask(address: string, ...question: string[]): Promise<void> {
    await run(['dig', '+tries=1', '+timeout=3', '+bufsize=4096', '-p', '5300', `@${address}`, ...question], { netns: pair.client.name })
  }

  /** Runs the traffic beside the daemon and a capture, and compares all flows to the two ports. */
  async function watch(
    traffic: () => Promise<void>,
    known: readonly Known[],
    more: (flow: ApiFlow) => string[] = () => [],
    config = '',
  ): Promise<void> {
    procs.push(await nginx(pair.server.name, dir, [{ port: 8080 }]), await bind(pair.server.name, dir, 5300))
    await using daemon = await Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config })
    const capture = await Capture.start(pair.server, 'e0', dir.file('wire.pcap'))
    await traffic()
    await capture.stop()
    const truths = flowsOf(readPcap(dir.file('wire.pcap'))).filter((f) => [8080, 5300].includes(f.destination.port))
    expect(truths.map(named)).toHaveLength(known.length)
    const wrong: string[] = []
    let flows: ApiFlow[] = []
    await until(
      'the flows',
      async () => {
        flows = (await daemon.flows()).filter((f) => f.view === 'wire')
        return truths.every((t) =>
          flows.some(
            (f) =>
              sameTuple(f, t) &&
              Number(f['source.packets']) >= t.source.packets &&
              Number(f['destination.packets']) >= t.destination.packets,
          ),
        )
      },
      5000,
    ).catch(() => undefined)
    for (const [i, truth] of truths.entries()) {
      const found = flows.filter((f) => sameTuple(f, truth))
      if (found.length !== 1)
        wrong.push(
          `${named(truth)}: ${found.length} flows, wire has ${flows.map((f) => `${f['source.address']}:${f['source.port']}>${f['destination.address']}:${f['destination.port']}`)}`,
        )
      else
        for (const w of [
          ...identity(found[0] as ApiFlow, known[i] as Known),
          ...counters(found[0] as ApiFlow, truth),
          ...more(found[0] as ApiFlow),
        ])
          wrong.push(`${named(truth)}: ${w}`)
    }
    expect(wrong).toEqual([])
  }

  const onE0 = (flow: ApiFlow): string[] => (flow['network.interface.name'] === 'e0' ? [] : [`interface ${flow['network.interface.name']}`])

  it.each(['auto', 'native', 'generic'])('plain packets, XDP mode %s', async (mode) => {
    const both = async (): Promise<void> => {
      for (const address of [SERVER.v4, SERVER.v6]) {
        await get(address)
        await ask(address, 'www.example.test', 'A')
      }
    }
    await watch(both, [HTTP, DNS, HTTP, DNS], onE0, `  mode: ${mode}\n`)
  })

  it('clsact for what goes out', () => watch(() => get(SERVER.v4), [HTTP], onE0, '  egress: clsact\n'))

  it('IPv4 and IPv6 fragments', async () => {
    const both = async (): Promise<void> => {
      await ask(SERVER.v4, 'big.example.test', 'TXT')
      await ask(SERVER.v6, 'big.example.test', 'TXT')
    }
    await watch(both, [BIG, BIG])
  })

  it.each(WRAPS)('inside %s', async (wrap) => {
    procs.push(...(await wrapPair(pair, wrap)))
    const can = inner(wrap)
    const addresses = [...(can.v4 ? [INNER_SERVER.v4] : []), ...(can.v6 ? [INNER_SERVER.v6] : [])]
    const traffic = async (): Promise<void> => {
      for (const address of addresses) {
        await get(address)
        await ask(address, 'www.example.test', 'A')
      }
    }
    const id = WRAP_ID[wrap]
    const tagged = (flow: ApiFlow): string[] => [
      ...(id.vlan === undefined || flow['network.vlan.id'] === id.vlan ? [] : [`VLAN ${flow['network.vlan.id']}, wanted ${id.vlan}`]),
      ...(id.tunnel === undefined || flow['flowident.tunnel.id'] === id.tunnel
        ? []
        : [`tunnel ${flow['flowident.tunnel.id']}, wanted ${id.tunnel}`]),
    ]
    await watch(
      traffic,
      addresses.flatMap(() => [HTTP, DNS]),
      tagged,
    )
  })
})
