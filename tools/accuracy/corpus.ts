// SPDX-License-Identifier: Apache-2.0
// The score on a folder of labelled captures: pcaps/ and labels.tsv, one row a flow.
import { createReadStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import ipaddr from 'ipaddr.js'
import type { Addon } from '../../src/kernel/kernel.js'
import { replayFile } from '../../src/replay/replay.js'
import { f1, ratio } from './tally.js'

/** The protocols that the published scores of others are about. */
const CORE = new Set(
  `http1 http2 grpc websocket dns tls quic mysql postgresql redis kafka mongodb amqp mqtt nats memcached cassandra ssh smtp imap pop3
  ftp stun rtp rtcp sip ntp dhcp dhcpv6 snmp syslog ldap rdp smb rtmp rtsp bittorrent wireguard openvpn zookeeper dubbo thrift fastcgi
  socks xmpp irc git rsync rpc tds oracle dtls mdns llmnr nbns ssdp telnet tftp radius kerberos coap bgp isakmp dcerpc zmtp openwire
  pulsar rocketmq vnc vxlan`.split(/\s+/),
)
/** Rows that count of one capture and truth; more weigh less, so that one capture of many equal flows does not decide. */
export const CAP = 20

interface Row {
  [column: string]: string
}

export interface CorpusScore {
  captures: number
  unreadable: string[]
  rows: number
  strict: number
  lenient: number
  macro: number
  core: number
  answered: number
  sequences: { rows: number; right: number }
  negatives: { rows: number; claims: number; rate: number }
  first: { right: number; firstPacket: number }
  protocols: { protocol: string; support: number; captures: number; precision: number; recall: number; f1: number }[]
  mistakes: { what: string; flows: number; example: string }[]
}

interface Given {
  name: string
  layers: readonly string[]
  packet: number
}

const end = (address: string, port: string | number): string => `${ipaddr.process(address).toNormalizedString()} ${port}`
const key = (capture: string, transport: string, a: string, b: string): string => [capture, transport, ...[a, b].sort()].join('\t')

async function labels(folder: string): Promise<Row[]> {
  const rows: Row[] = []
  let head: string[] | undefined
  for await (const line of createInterface({ input: createReadStream(join(folder, 'labels.tsv')) })) {
    if (line.startsWith('#') || line === '') continue
    const cells = line.split('\t')
    if (head === undefined) head = cells
    else rows.push(Object.fromEntries(head.map((name, i) => [name, cells[i] ?? ''])))
  }
  return rows
}

async function replayed(addon: Addon, folder: string, names: Iterable<string>, bad: string[]): Promise<Map<string, Given>> {
  const given = new Map<string, Given>()
  for (const name of names)
    try {
      await replayFile(addon, join(folder, 'pcaps', name), (flow) => {
        const a = end(String(flow['source.address']), String(flow['source.port']))
        const b = end(String(flow['destination.address']), String(flow['destination.port']))
        const k = key(name, String(flow['network.transport']), a, b)
        const evidence = flow['flowident.evidence'] as { packet: number } | null
        const have = given.get(k)
        if (have === undefined || have.name === 'unknown')
          given.set(k, { name: flow['network.protocol.name'], layers: flow['flowident.layers'], packet: evidence?.packet ?? 0 })
      })
    } catch (error) {
      bad.push(`${name}: ${(error as Error).message}`)
    }
  return given
}

export async function scoreCorpus(addon: Addon, folder: string): Promise<CorpusScore> {
  const all = (await labels(folder)).filter((r) => r.dup !== '1' && r.layer === 'inner')
  const captures = new Set(all.map((r) => r.pcap!))
  const unreadable: string[] = []
  const given = await replayed(addon, folder, captures, unreadable)
  const find = (r: Row): Given | undefined => given.get(key(r.pcap!, r.proto!, end(r.a_ip!, r.a_port!), end(r.b_ip!, r.b_port!)))
  const name = (r: Row): string | undefined => {
    const n = find(r)?.name
    return n === 'unknown' ? undefined : n
  }
  const rows = all.filter((r) => CORE.has(r.truth!))
  const groups = new Map<string, number>()
  for (const r of rows) groups.set(`${r.pcap} ${r.truth}`, (groups.get(`${r.pcap} ${r.truth}`) ?? 0) + 1)
  const sums = { weight: 0, strict: 0, lenient: 0, answered: 0, right: 0, first: 0, sequences: 0, ordered: 0 }
  const per = new Map<string, { support: number; captures: Set<string>; right: number; wrong: number }>()
  const of = (p: string) => {
    const have = per.get(p) ?? { support: 0, captures: new Set<string>(), right: 0, wrong: 0 }
    per.set(p, have)
    return have
  }
  const mistakes = new Map<string, { flows: number; example: string }>()
  for (const r of rows) {
    const truth = r.truth!
    const answer = name(r)
    const weight = Math.min(1, CAP / groups.get(`${r.pcap} ${truth}`)!)
    const line = of(truth)
    sums.weight += weight
    if (answer !== undefined) sums.answered += weight
    line.support++
    line.captures.add(r.pcap!)
    if (answer === truth) {
      sums.strict += weight
      sums.right++
      if (find(r)!.packet === 1) sums.first++
      line.right++
    } else {
      if (answer !== undefined) of(answer).wrong++
      const what = `${truth} → ${answer ?? 'unknown'}`
      const have = mistakes.get(what)
      mistakes.set(what, { flows: (have?.flows ?? 0) + 1, example: have?.example ?? r.pcap! })
    }
    if (answer === truth || (answer !== undefined && r.accept!.split(',').includes(answer))) sums.lenient += weight
    const sequence = r.truth_seq!.split('>')
    if (sequence.length > 1) {
      sums.sequences++
      if (find(r)?.layers.join('>') === sequence.join('>')) sums.ordered++
    }
  }
  const protocols = [...per]
    .filter(([, l]) => l.support > 0)
    .map(([protocol, l]) => {
      const [precision, recall] = [ratio(l.right, l.right + l.wrong), ratio(l.right, l.support)]
      return { protocol, support: l.support, captures: l.captures.size, precision, recall, f1: f1(precision, recall) }
    })
    .sort((a, b) => b.support - a.support || a.protocol.localeCompare(b.protocol))
  const big = protocols.filter((p) => p.support >= 3)
  const negatives = all.filter((r) => r.neg === '1')
  const perCapture = new Map<string, number>()
  for (const r of negatives) perCapture.set(r.pcap!, (perCapture.get(r.pcap!) ?? 0) + 1)
  const weigh = (list: readonly Row[]): number => list.reduce((sum, r) => sum + Math.min(1, CAP / perCapture.get(r.pcap!)!), 0)
  const claims = negatives.filter((r) => name(r) !== undefined)
  for (const r of claims) {
    const what = `none → ${name(r)}`
    mistakes.set(what, { flows: (mistakes.get(what)?.flows ?? 0) + 1, example: mistakes.get(what)?.example ?? r.pcap! })
  }
  return {
    captures: captures.size,
    unreadable,
    rows: rows.length,
    strict: ratio(sums.strict, sums.weight),
    lenient: ratio(sums.lenient, sums.weight),
    macro: ratio(
      big.reduce((sum, p) => sum + p.f1, 0),
      big.length,
    ),
    core: big.length,
    answered: ratio(sums.answered, sums.weight),
    sequences: { rows: sums.sequences, right: sums.ordered },
    negatives: { rows: negatives.length, claims: claims.length, rate: ratio(weigh(claims), weigh(negatives)) },
    first: { right: sums.right, firstPacket: sums.first },
    protocols,
    mistakes: [...mistakes].map(([what, m]) => ({ what, ...m })).sort((a, b) => b.flows - a.flows),
  }
}

/** Whether a folder has what is needed. */
export function isCorpus(folder: string): boolean {
  try {
    return readFileSync(join(folder, 'labels.tsv')).length > 0
  } catch {
    return false
  }
}
