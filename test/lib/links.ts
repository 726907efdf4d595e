// SPDX-License-Identifier: Apache-2.0
// Devices that wrap packets: VLAN, QinQ, VXLAN, GENEVE, GRE, GRE with Ethernet inside, IP in IP, 6in4.
import { CLIENT, type Netns, type Pair, SERVER } from './netns.js'

export type Wrap =
  | 'vlan'
  | 'qinq'
  | 'vxlan'
  | 'vxlan6'
  | 'geneve'
  | 'gre'
  | 'grekey'
  | 'gretap'
  | 'ip6gre'
  | 'ipip'
  | 'sit'
  | 'ip6ip6'

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

function addOne(ns: Netns, wrap: Wrap, mine: typeof SERVER | typeof CLIENT, other: typeof SERVER | typeof CLIENT): void {
  const add = (...args: string[]): void => {
    ns.ip('link', 'add', 'w0', ...args)
  }
  const ends4 = ['local', mine.v4, 'remote', other.v4]
  const ends6 = ['local', mine.v6, 'remote', other.v6]
  switch (wrap) {
    case 'vlan':
      return add('link', 'e0', 'type', 'vlan', 'id', '42')
    case 'qinq':
      ns.ip('link', 'add', 'q0', 'link', 'e0', 'type', 'vlan', 'proto', '802.1ad', 'id', '100')
      ns.ip('link', 'set', 'q0', 'up')
      return add('link', 'q0', 'type', 'vlan', 'id', '42')
    case 'vxlan':
      return add('type', 'vxlan', 'id', '7001', ...ends4, 'dstport', '4789', 'dev', 'e0')
    case 'vxlan6':
      return add('type', 'vxlan', 'id', '7002', ...ends6, 'dstport', '4789', 'dev', 'e0')
    case 'geneve':
      return add('type', 'geneve', 'id', '7003', 'remote', other.v4)
    case 'gre':
      return add('type', 'gre', ...ends4)
    case 'grekey':
      return add('type', 'gre', ...ends4, 'key', '7004', 'csum')
    case 'gretap':
      return add('type', 'gretap', ...ends4, 'key', '7005')
    case 'ip6gre':
      return add('type', 'ip6gre', ...ends6)
    case 'ipip':
      return add('type', 'ipip', ...ends4)
    case 'sit':
      return add('type', 'sit', ...ends4)
    case 'ip6ip6':
      return add('type', 'ip6tnl', 'mode', 'ip6ip6', ...ends6)
  }
}

/** What the wrapped link can carry. */
export function inner(wrap: Wrap): { v4: boolean; v6: boolean } {
  if (wrap === 'ipip') return { v4: true, v6: false }
  if (wrap === 'sit' || wrap === 'ip6ip6') return { v4: false, v6: true }
  return { v4: true, v6: true }
}

/** Adds device w0 to both ends of the pair; what goes through it is wrapped on e0. */
export function wrapPair(pair: Pair, wrap: Wrap): void {
  const sides = [
    [pair.server, SERVER, CLIENT, INNER_SERVER],
    [pair.client, CLIENT, SERVER, INNER_CLIENT],
  ] as const
  for (const [ns, mine, other, inside] of sides) {
    addOne(ns, wrap, mine, other)
    const can = inner(wrap)
    const addresses = [...(can.v4 ? [`${inside.v4}/24`] : []), ...(can.v6 ? [`${inside.v6}/64`] : [])]
    ns.ip('link', 'set', 'w0', 'mtu', '1300')
    ns.up('w0', ...addresses)
    ns.plainOffloads('w0')
  }
}
