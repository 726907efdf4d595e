// SPDX-License-Identifier: Apache-2.0
// Rates of dropping on one CPU: an empty XDP program, flowident, nftables and iptables with the same rules and the same
// sender (rules-send.c, on another CPU), over a veth pair in a network namespace of its own; rules.sh makes both. Each figure is
// a median and stands beside that of the empty program just before it. Prints Markdown.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { median } from './packets.js'

const [, , sender = '', receiver = '', thread = ''] = process.argv
const build = join(import.meta.dirname, '../../build/bench')
const SECONDS = process.env['SECONDS_EACH'] ?? '0.8'
const RUNS = Number(process.env['RUNS'] ?? 3)
const BASE = 0x0a000000
const SENDER_CPU = '0'
const read = (path: string): string => readFileSync(path, 'utf8').trim()
const indexOf = (name: string): number => Number(read(`/sys/class/net/${name}/ifindex`))
const sh = (command: string, input = ''): string => execFileSync('bash', ['-ec', command], { input, encoding: 'utf8' })
const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

const QUERY = Buffer.from('\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x03org\0\0\x01\0\x01', 'latin1')

/** UDP from port 4000 to 198.18.0.1; the sender sets the source address. */
function frame(port: number, payload: Buffer): Buffer {
  const b = Buffer.alloc(42 + payload.length)
  Buffer.from(read(`/sys/class/net/${receiver}/address`).replaceAll(':', ''), 'hex').copy(b)
  b[6] = 2
  b.writeUInt16BE(0x0800, 12)
  b[14] = 0x45
  b.writeUInt16BE(28 + payload.length, 16)
  b[22] = 64
  b[23] = 17
  b.writeUInt32BE(0xc6120001, 30)
  b.writeUInt16BE(4000, 34)
  b.writeUInt16BE(port, 36)
  b.writeUInt16BE(8 + payload.length, 38)
  payload.copy(b, 42)
  return b
}
const discard = frame(9, Buffer.alloc(18, 120))
const query = frame(53, QUERY)

/** Packets for which nobody listened: those that were let through. */
const arrived = (): number => Number(/^Udp: \d.*$/m.exec(read('/proc/net/snmp'))?.[0].split(' ')[2])

/** Packets in a second of the receiving thread's CPU time, whatever else runs on its CPU; and the share that was let through. */
function measure(data: Buffer, sources: number): { rate: number; through: number } {
  const seen = () => Number(read(`/sys/class/net/${receiver}/statistics/rx_packets`))
  const spent = () => Number(read(`/proc/${thread}/schedstat`).split(' ')[0]) / 1e9
  const before = [seen(), arrived(), spent()] as const
  const argv = [
    '-c',
    SENDER_CPU,
    `${build}/rules-send`,
    `${build}/rules-send.bpf.o`,
    String(indexOf(sender)),
    String(BASE),
    String(sources),
    SECONDS,
  ]
  execFileSync('taskset', argv, { input: data })
  const done = seen() - before[0]
  return { rate: done / (spent() - before[2]), through: (arrived() - before[1]) / done }
}

const attachEmpty = `rm -rf /sys/fs/bpf/empty; bpftool prog loadall ${build}/rules-send.bpf.o /sys/fs/bpf/empty && bpftool net attach xdpdrv pinned /sys/fs/bpf/empty/rules_empty dev ${receiver}`
const detachEmpty = `bpftool net detach xdpdrv dev ${receiver}; rm -rf /sys/fs/bpf/empty`

function empty(data: Buffer, sources: number): number {
  sh(attachEmpty)
  const { rate } = measure(data, sources)
  sh(detachEmpty)
  return rate
}

interface Subject {
  readonly name: string
  readonly rules: number
  /** Puts the rules in force; gives what takes them out again. */
  readonly start: () => Promise<() => void>
  readonly data?: Buffer
  readonly sources?: number
  readonly lets?: boolean
}

async function flowident(text: string): Promise<() => void> {
  const without = ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_filter', 'fi_tc_egress', 'fi_tc_ingress']
  const kernel: KernelHandle = await loadAddon().openKernel({ flows: 131_072, pending: 4096, without })
  const interfaces = [{ name: receiver, index: indexOf(receiver) }]
  await kernel.installRules(compileRules(loadRules([{ name: 'bench.yaml', text }]).rules, interfaces))
  const [attached] = await kernel.attachInterface(indexOf(receiver), { xdp: 'native', egress: 'off' })
  if (attached?.ok !== true) throw new Error(`not attached: ${attached?.error}`)
  return () => kernel.close()
}
const ours = (n: number) => () =>
  flowident(
    `rules:\n${numbers(n)
      .map((i) => `- {name: r${i}, action: drop, match: {transport: udp, source: {cidrs: [${address(i)}]}, destination: {ports: [9]}}}`)
      .join('\n')}`,
  )
const shell = (begin: string, input: string, end: string) => async () => {
  sh(begin, input)
  return () => void sh(end)
}
const nft = (chain: string, rules: string, set = '') =>
  shell(
    'nft -f -',
    `table ${chain.startsWith('netdev') ? 'netdev' : 'ip'} bench {\n${set} chain drops { ${chain.replace(/^\w+ /, '')}\n${rules}\n}\n}\n`,
    'nft flush ruleset',
  )
const raw = 'ip type filter hook prerouting priority raw;'
const ingress = `netdev type filter hook ingress device "${receiver}" priority 0;`
const linear = (n: number): string =>
  numbers(n)
    .map((i) => `ip saddr ${address(i)} udp dport 9 drop`)
    .join('\n')
const elements = (n: number): string =>
  ` set known { type ipv4_addr . inet_service; elements = { ${numbers(n)
    .map((i) => `${address(i)} . 9`)
    .join(', ')} } }\n`
const lookup = 'ip protocol udp ip saddr . udp dport @known drop'
const iptables = (n: number) =>
  shell(
    'iptables-legacy-restore',
    `*raw\n${numbers(n)
      .map((i) => `-A PREROUTING -s ${address(i)} -p udp -m udp --dport 9 -j DROP`)
      .join('\n')}\nCOMMIT\n`,
    'iptables-legacy -t raw -F',
  )

const keyed = `rules:
- {name: no-dns, action: drop, match: {protocol: dns}}
- {name: no-redis, action: drop, match: {protocol: redis}}
- {name: rest, action: drop, match: {protocol: [ssh, smtp], destination: {ports: [9000-9999]}}}
`
const nothing = async (): Promise<() => void> => () => undefined
const counts = [1, 100, 1000, 10_000]
const subjects: Subject[] = [
  { name: 'nothing: all packets arrive', rules: 0, start: nothing, lets: true },
  ...counts.map((n) => ({ name: 'flowident, XDP', rules: n, start: ours(n) })),
  { name: 'flowident, by protocol, 1 flow', rules: 3, start: () => flowident(keyed), data: query, sources: 1 },
  { name: 'flowident, by protocol, 1,000 flows', rules: 3, start: () => flowident(keyed), data: query, sources: 1000 },
  ...counts.map((n) => ({ name: 'nftables, netdev ingress, set', rules: n, start: nft(ingress, lookup, elements(n)) })),
  ...counts.map((n) => ({ name: 'nftables, raw prerouting, set', rules: n, start: nft(raw, lookup, elements(n)) })),
  ...counts.map((n) => ({ name: 'nftables, netdev ingress, linear', rules: n, start: nft(ingress, linear(n)) })),
  ...counts.map((n) => ({ name: 'nftables, raw prerouting, linear', rules: n, start: nft(raw, linear(n)) })),
  ...counts.map((n) => ({ name: 'iptables raw', rules: n, start: iptables(n) })),
]

console.log('| what | rules | packets a second of CPU time | of the empty XDP program |\n| --- | --- | --- | --- |')
const only = process.env['ONLY']
for (const { name, rules, start, data = discard, sources = Math.max(1, rules), lets } of subjects) {
  if (only !== undefined && !name.includes(only)) continue
  const rates: number[] = []
  const ratios: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const reference = empty(data, sources)
    const end = await start()
    const { rate, through } = measure(data, sources)
    end()
    // The first packet of a flow whose protocol both ends must show may pass.
    if (lets !== true && through > 0.01) throw new Error(`${name}, ${rules} rules: ${through} of the packets passed`)
    if (lets === true && through < 0.9) throw new Error(`${name}: packets are lost elsewhere`)
    rates.push(rate)
    ratios.push(rate / reference)
  }
  console.log(`| ${name} | ${rules} | ${Math.round(median(rates) / 1000)},000 | ${(median(ratios) * 100).toFixed(0)} % |`)
}
