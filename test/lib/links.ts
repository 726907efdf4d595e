// SPDX-License-Identifier: Apache-2.0
// Links that wrap packets: VLAN, QinQ, VXLAN, GENEVE, GRE, GRE with Ethernet inside, IP in IP, 6in4. VXLAN by the
// kernel's device, the others by apps/wrap.py, since not every kernel has the drivers.
import { fileURLToPath } from 'node:url'
import { CLIENT, type Netns, type Pair, SERVER } from './netns.js'
import { Proc, until } from './process.js'

export const WRAPS = ['vlan', 'qinq', 'vxlan', 'vxlan6', 'geneve', 'gre', 'grekey', 'gretap', 'ip6gre', 'ipip', 'sit', 'ip6ip6'] as const
export type Wrap = (typeof WRAPS)[number]

/** Addresses inside a wrapped link: different from those outside. */
export const INNER_SERVER = { v4: '10.88.0.1', v6: 'fd88::1' } as const
export const INNER_CLIENT = { v4: '10.88.0.2', v6: 'fd88::2' } as const

/** Tag or tunnel number of each wrapping, as flowident should report it. */
export const WRAP_ID: Readonly<Record<Wrap, { vlan?: number; tunnel?: number }>> = {
  vlan: { vlan: 42 },
  qinq: { vlan: 42 },
  vxlan: { tunnel: 7001 },
  vxlan6: { tunnel: 7002 },
  geneve: { tunnel: 7003 },
  gre: {},
  grekey: { tunnel: 7004 },
  gretap: { tunnel: 7005 },
  ip6gre: {},
  ipip: {},
  sit: {},
  ip6ip6: {},
}

/** What the wrapped link can carry. */
export function inner(wrap: Wrap): { v4: boolean; v6: boolean } {
  if (wrap === 'ipip') return { v4: true, v6: false }
  if (wrap === 'sit' || wrap === 'ip6ip6') return { v4: false, v6: true }
  return { v4: true, v6: true }
}

function address(ns: Netns, device: string): string {
  const [link] = JSON.parse(ns.ip('-j', 'link', 'show', 'dev', device)) as { address: string }[]
  if (link === undefined) throw new Error(`${ns.name} has no ${device}`)
  return link.address
}

async function relay(ns: Netns, wrap: Wrap, mine: string, other: string, there: string): Promise<Proc> {
  const script = fileURLToPath(new URL('apps/wrap.py', import.meta.url))
  const proc = new Proc(['python3', script, wrap, mine, other, address(ns, 'w0'), there], { netns: ns.name })
  await until(`relay for ${wrap}`, () => {
    if (!proc.running) throw new Error(`relay for ${wrap} ended: ${proc.stderr}`)
    return proc.stdout.includes('ready')
  })
  return proc
}

/** Adds device w0 to both ends of the pair; what goes through it is wrapped on e0. Returns the relays to stop. */
export async function wrapPair(pair: Pair, wrap: Wrap): Promise<Proc[]> {
  const can = inner(wrap)
  const sides = [
    { ns: pair.server, mine: SERVER, other: CLIENT, inside: INNER_SERVER },
    { ns: pair.client, mine: CLIENT, other: SERVER, inside: INNER_CLIENT },
  ] as const
  for (const { ns, mine, other, inside } of sides) {
    if (wrap === 'vxlan')
      ns.ip('link', 'add', 'w0', 'type', 'vxlan', 'id', '7001', 'local', mine.v4, 'remote', other.v4, 'dstport', '4789', 'dev', 'e0')
    else if (wrap === 'vxlan6')
      ns.ip('link', 'add', 'w0', 'type', 'vxlan', 'id', '7002', 'local', mine.v6, 'remote', other.v6, 'dstport', '4789', 'dev', 'e0')
    else {
      ns.ip('link', 'add', 'w0', 'type', 'veth', 'peer', 'name', 'w1')
      ns.ip('link', 'set', 'w1', 'addrgenmode', 'none')
      ns.up('w1')
    }
    ns.ip('link', 'set', 'w0', 'mtu', '1300', 'addrgenmode', 'none')
    ns.exec('ethtool', '-K', 'w0', 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off')
    ns.up('w0', ...(can.v4 ? [`${inside.v4}/24`] : []), ...(can.v6 ? [`${inside.v6}/64`] : []))
  }
  if (wrap === 'vxlan' || wrap === 'vxlan6') return []
  // Bare IP goes through some of these links, so nobody would answer to ARP: neighbours are fixed.
  for (const [ns, to, whose] of [
    [pair.server, INNER_CLIENT, pair.client],
    [pair.client, INNER_SERVER, pair.server],
  ] as const) {
    if (can.v4) ns.ip('neigh', 'add', to.v4, 'lladdr', address(whose, 'w0'), 'dev', 'w0', 'nud', 'permanent')
    if (can.v6) ns.ip('neigh', 'add', to.v6, 'lladdr', address(whose, 'w0'), 'dev', 'w0', 'nud', 'permanent')
  }
  const [a, b] = wrap === 'ip6gre' || wrap === 'ip6ip6' ? [SERVER.v6, CLIENT.v6] : [SERVER.v4, CLIENT.v4]
  return [
    await relay(pair.server, wrap, a, b, address(pair.client, 'e0')),
    await relay(pair.client, wrap, b, a, address(pair.server, 'e0')),
  ]
}
