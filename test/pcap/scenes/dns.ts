// SPDX-License-Identifier: Apache-2.0
// DNS over UDP and TCP by dig against BIND and Unbound; mDNS and LLMNR by multicast.
import { app } from '../../lib/app.js'
import { named, unbound } from '../../lib/servers/system.js'
import type { Expect, Scene, Stage } from '../scene.js'

const dns = (port: number, transport: 'tcp' | 'udp', name: string, type: string, code = 'NOERROR'): Expect => ({
  port,
  transport,
  protocol: 'dns',
  labels: { 'dns.question.name': name, 'dns.question.type': type, 'dns.response_code': code },
})

const QUESTIONS = [
  ['www.example.test', 'A'],
  ['www.example.test', 'AAAA'],
  ['example.test', 'MX'],
  ['example.test', 'TXT'],
  ['_ldap._tcp.example.test', 'SRV'],
  ['www.example.test', 'HTTPS'],
  ['80.2.0.192.in-addr.arpa', 'PTR'],
  ['example.test', 'SOA'],
  ['alias.example.test', 'CNAME'],
  ['example.test', 'CAA'],
] as const

const lookups = (port: number): Scene => ({
  name: `dns-${port}`,
  about: 'record types, EDNS, NXDOMAIN, REFUSED, IPv6, several questions on one TCP connection',
  async run(s: Stage) {
    await s.keep(named(s.serverNs, s.dir, port))
    const dig = ['dig', '+tries=1', '+timeout=3', '-p', String(port), `@${s.server.v4}`]
    for (const [name, type] of QUESTIONS) await s.ask([...dig, name, type])
    await s.ask([...dig, '+noedns', 'none.example.test', 'A'])
    await s.ask([...dig, 'elsewhere.test', 'A'])
    await s.ask(['dig', '+tries=1', '-p', String(port), `@${s.server.v6}`, '+dnssec', '+nsid', 'www.example.test', 'A'])
    await s.ask([...dig, 'example.test', 'ANY'])
    await s.ask([...dig, '+tcp', 'mail.example.test', 'MX'])
    await s.ask([...dig, '+tcp', '+keepopen', 'www.example.test', 'A', 'mail.example.test', 'MX'])
    await s.ask([...dig, 'example.test', 'AXFR'])
    return [
      ...QUESTIONS.map(([name, type]) => dns(port, 'udp', name, type)),
      dns(port, 'udp', 'none.example.test', 'A', 'NXDOMAIN'),
      dns(port, 'udp', 'elsewhere.test', 'A', 'REFUSED'),
      dns(port, 'udp', 'www.example.test', 'A'),
      dns(port, 'tcp', 'example.test', 'ANY'),
      dns(port, 'tcp', 'mail.example.test', 'MX'),
      dns(port, 'tcp', 'www.example.test', 'A'),
      dns(port, 'tcp', 'example.test', 'AXFR'),
    ]
  },
})

async function multicast(s: Stage, kind: 'mdns' | 'llmnr', names: readonly (readonly [string, string, string])[]): Promise<void> {
  for (const ns of [s.pair.server, s.pair.client]) ns.ip('route', 'add', '224.0.0.0/4', 'dev', 'e0')
  await s.keep(app({ netns: s.serverNs }, 'multicast', 'answer', kind))
  await new Promise((resolve) => setTimeout(resolve, 1500))
  for (const [family, name, type] of names) await s.askApp('multicast', 'ask', kind, family, name, type)
}

export const DNS: readonly Scene[] = [
  lookups(53),
  lookups(8080),
  {
    name: 'dns-truncated',
    about: 'an answer too big for 512 bytes: TC bit, then the same question over TCP',
    async run(s: Stage) {
      await s.keep(named(s.serverNs, s.dir, 53))
      await s.ask(['dig', '+noedns', '+tries=1', `@${s.server.v4}`, 'big.example.test', 'TXT'])
      return [dns(53, 'udp', 'big.example.test', 'TXT'), dns(53, 'tcp', 'big.example.test', 'TXT')]
    },
  },
  {
    name: 'dns-fragments',
    about: 'an answer of more than one packet, in IPv4 and in IPv6 fragments',
    async run(s: Stage) {
      await s.keep(named(s.serverNs, s.dir, 53))
      const dig = ['dig', '+tries=1', '+bufsize=4096', 'big.example.test', 'TXT']
      await s.ask([...dig, `@${s.server.v4}`])
      await s.ask([...dig, `@${s.server.v6}`])
      return [{ ...dns(53, 'udp', 'big.example.test', 'TXT'), times: 2 }]
    },
  },
  {
    name: 'dns-unbound',
    about: 'a resolver on an odd port; FORMERR for a cut question; chaos class',
    async run(s: Stage) {
      await s.keep(unbound(s.serverNs, s.dir, 5300))
      const dig = ['dig', '+tries=1', '+timeout=2', '-p', '5300', `@${s.server.v4}`]
      await s.ask([...dig, 'cache.example.test', 'A'])
      await s.ask([...dig, '+tcp', 'cache.example.test', 'A'])
      await s.ask([...dig, 'nowhere.example.test', 'A'])
      return [
        dns(5300, 'udp', 'cache.example.test', 'A'),
        dns(5300, 'udp', 'nowhere.example.test', 'A', 'NXDOMAIN'),
        dns(5300, 'tcp', 'cache.example.test', 'A'),
      ]
    },
  },
  {
    name: 'mdns',
    about: 'multicast DNS: questions to the group, answers to the group; each end is a flow of its own',
    async run(s: Stage) {
      await multicast(s, 'mdns', [
        ['4', 'printer.local', 'A'],
        ['4', '_http._tcp.local', 'PTR'],
        ['6', 'printer.local', 'AAAA'],
      ])
      const one = (labels: Record<string, string> = {}): Expect => ({ port: 5353, transport: 'udp', protocol: 'mdns', labels })
      return [one({ 'dns.question.name': 'printer.local', 'dns.question.type': 'A' }), one(), one({ 'dns.question.type': 'AAAA' }), one()]
    },
  },
  {
    name: 'llmnr',
    about: 'LLMNR: the question goes to the group, the answer comes from a host address, which makes it a flow of its own',
    async run(s: Stage) {
      await multicast(s, 'llmnr', [
        ['4', 'files', 'A'],
        ['6', 'files', 'AAAA'],
      ])
      const one = (type: string): Expect => ({
        port: 5355,
        transport: 'udp',
        protocol: 'llmnr',
        labels: { 'dns.question.name': 'files', 'dns.question.type': type },
      })
      return [one('A'), one('A'), one('AAAA'), one('AAAA')]
    },
  },
]
