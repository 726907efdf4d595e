// SPDX-License-Identifier: Apache-2.0
// Random rules and packets, from values so few that they meet often. The same for the same seed.
import type { Cidr, Conditions, Endpoint, Range, Rule } from '../../src/rules/model.js'
import type { Packet } from '../../src/rules/packet.js'

export type Random = (below: number) => number

export function randomOf(seed: number): Random {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T
const some = <T>(random: Random, make: () => T, most: number): T[] => Array.from({ length: 1 + random(most) }, make)

export const INTERFACES = [
  { name: 'eth0', index: 2 },
  { name: 'eth1', index: 3 },
  { name: 'wlan0', index: 70_000 },
  { name: 'lo', index: 1 },
]
const LENGTHS = { 4: [0, 1, 7, 8, 9, 15, 16, 23, 24, 25, 31, 32], 6: [0, 3, 16, 32, 33, 48, 63, 64, 65, 127, 128] } as const
/** Addresses that differ in few bits, at places where prefixes end. */
function address(random: Random, net: 4 | 6): Uint8Array {
  const bytes = net === 4 ? [10, 0, 0, 0] : [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  const places = net === 4 ? [0, 8, 9, 15, 16, 23, 24, 30, 31] : [0, 16, 31, 32, 47, 62, 63, 64, 126, 127]
  for (let n = random(5); n > 0; n--) {
    const place = pick(random, places)
    bytes[place >> 3] = (bytes[place >> 3] ?? 0) ^ (0x80 >> (place & 7))
  }
  return Uint8Array.from(bytes)
}

function cidr(random: Random): Cidr {
  const net = random(3) === 0 ? 6 : 4
  const length = pick(random, LENGTHS[net])
  const bytes = address(random, net).map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, length - i * 8))) & 0xff)
  return { net, bytes, length }
}

const PORTS = [0, 1, 22, 80, 443, 8000, 8080, 65_534, 65_535]
const range = (random: Random, values: readonly number[], wide: boolean): Range => {
  const [a, b] = [pick(random, values), pick(random, values)]
  return wide && random(2) === 0 ? { from: Math.min(a, b), to: Math.max(a, b) } : { from: a, to: a }
}
const VLANS = [0, 1, 42, 43, 4095]
/** Types with and without codes of their own, of both versions. */
const MESSAGES = [0, 255, 768, 771, 772, 2048, 65_535, 65_536, 98_304, 98_305, 131_071]
const BYTES = [1, 20, 21, 1499, 1500, 65_535]
const TUNNELS = [0, 1, 100, 101, 0xffff_ffff]
const tunnels = (random: Random): Range => {
  const id = pick(random, TUNNELS)
  return id === 100 && random(2) === 0 ? { from: 99, to: 101 } : { from: id, to: id }
}
const TRANSPORTS = [1, 6, 17, 58, 132]
const PROTOCOLS = [1, 2, 3, 4, 5]

function endpoint(random: Random): Endpoint {
  const kind = random(3)
  return {
    ...(kind !== 1 && { cidrs: some(random, () => cidr(random), 4) }),
    ...(kind !== 0 && { ports: some(random, () => range(random, PORTS, true), 3) }),
  }
}

/** Each condition with one chance in `rare`. */
function conditions(random: Random, rare: number): Conditions {
  const maybe = () => random(rare) === 0
  return {
    ...(maybe() && { interface: some(random, () => pick(random, ['eth0', 'eth*', 'wlan0', '*1', 'tun0']), 2) }),
    ...(maybe() && { direction: pick(random, ['in', 'out'] as const) }),
    ...(maybe() && { ipVersion: pick(random, [4, 6] as const) }),
    ...(maybe() && { transport: some(random, () => pick(random, TRANSPORTS), 2) }),
    ...(maybe() && { reply: random(2) === 0 }),
    ...(maybe() && { source: endpoint(random) }),
    ...(maybe() && { destination: endpoint(random) }),
    ...(maybe() && { tcpFlags: pick(random, [1, 2, 4, 16, 18]) }),
    ...(maybe() && { vlan: some(random, () => range(random, VLANS, true), 2) }),
    ...(maybe() && { icmp: some(random, () => range(random, MESSAGES, true), 2) }),
    ...(maybe() && { length: some(random, () => range(random, BYTES, true), 2) }),
    ...(maybe() && { tunnel: some(random, () => tunnels(random), 2) }),
    ...(maybe() && { protocol: some(random, () => pick(random, [0, ...PROTOCOLS]), 3) }),
    ...(maybe() && { layer: some(random, () => pick(random, PROTOCOLS), 3) }),
    ...(maybe() && { confidence: 1 + random(2) }),
  }
}

const ACTIONS: readonly Pick<Rule, 'action' | 'limit'>[] = [
  { action: 'pass' },
  { action: 'drop' },
  { action: 'drop' },
  { action: 'reject' },
  { action: 'rate-limit', limit: { unit: 'packets', rate: 1, burst: 1, per: 'rule' } },
]
/** Milliseconds since 1970. */
const TIMES = [1000, 2000, 3000, 3001]

export function randomRules(random: Random, count: number): Rule[] {
  return Array.from({ length: count }, (_, i) => ({
    name: `r${i}`,
    ...pick(random, ACTIONS),
    ...(random(8) === 0 && { expires: pick(random, TIMES) }),
    ...(random(6) === 0 && { byFlow: true as const }),
    audit: random(5) === 0,
    comment: '',
    match: conditions(random, 6),
    not: random(2) === 0 ? conditions(random, 10) : {},
    file: 'random',
    place: undefined,
  }))
}

export function randomPacket(random: Random): Packet {
  const net = random(3) === 0 ? 6 : 4
  const transport = pick(random, [6, 6, 6, 17, ...TRANSPORTS])
  const layers = random(2) === 0 ? [] : some(random, () => pick(random, PROTOCOLS), 6)
  const link = pick(random, INTERFACES)
  return {
    net,
    source: address(random, net),
    destination: address(random, net),
    transport,
    ports: [6, 17, 132].includes(transport) ? { source: pick(random, PORTS), destination: pick(random, PORTS) } : undefined,
    tcpFlags: transport === 6 && random(8) > 0 ? pick(random, [0, 1, 2, 4, 16, 18, 24]) : undefined,
    vlan: pick(random, VLANS),
    ...(random(4) > 0 && { length: pick(random, [...BYTES, 40]) }),
    ...([1, 58].includes(transport) && { icmp: (pick(random, MESSAGES) % 65_536) + (net === 6 ? 65_536 : 0) }),
    tunnel: pick(random, [...TUNNELS, 99, 7]),
    ifindex: link.index,
    interface: link.name,
    direction: pick(random, ['in', 'out'] as const),
    reply: random(2) === 0,
    pending: random(2) === 0,
    layers,
    named: layers.length === 0 ? 0 : random(layers.length),
    confidence: layers.length === 0 ? 0 : 1 + random(2),
    ...(random(2) === 0 && { taken: random(16) }),
    at: pick(random, [...TIMES, 0, 999, 2500]),
  }
}
