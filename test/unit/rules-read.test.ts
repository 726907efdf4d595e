// SPDX-License-Identifier: Apache-2.0
// Rule files: what is read from good ones, what is said of bad ones.
import { describe, expect, it } from 'vitest'
import type { FlowidentError } from '../../src/errors.js'
import { loadRules } from '../../src/rules/load.js'
import { enforcedAt } from '../../src/rules/model.js'
import { evaluate } from '../../src/rules/reference.js'
import { describedPacket } from '../../src/rules/describe.js'

const load = (text: string) => loadRules([{ name: 'r.yaml', text }])
const rule = (match: string, more = '') => `rules:\n  - name: r\n    action: drop${more}\n    match: ${match}\n`

function mistakes(text: string): readonly string[] {
  try {
    load(text)
  } catch (error) {
    expect((error as FlowidentError).code).toBe('rules-invalid')
    return (error as FlowidentError).details
  }
  return []
}

/** Twenty and more kinds of bad files, and what is said of each. */
const bad: readonly (readonly [string, string, string])[] = [
  ['no YAML', 'rules: [', 'r.yaml:1:9: Flow sequence in block collection must be sufficiently indented and end with a ]'],
  ['no section', '- a', 'r.yaml:1:1: the file: expected a section with rules, contracts, found ["a"]'],
  ['an unknown key at the top', 'rule: []', 'r.yaml:1:1: rule: unknown key "rule"; did you mean "rules"?'],
  ['no list', 'rules: { a: 1 }', 'r.yaml:1:8: rules: expected a list of rules, found {"a":1}'],
  [
    'no name',
    'rules: [{ action: drop, match: {} }]',
    'r.yaml:1:9: name: expected 1 to 63 letters, digits, dots, hyphens and underscores, found nothing',
  ],
  [
    'a name with blanks',
    'rules: [{ name: a b, action: drop, match: {} }]',
    'r.yaml:1:17: name: expected 1 to 63 letters, digits, dots, hyphens and underscores, found "a b"',
  ],
  [
    'an action that is none',
    rule('{}').replace('drop', 'dorp'),
    'r.yaml:3:13: action: expected drop or reject or pass or rate-limit, found "dorp"; did you mean "drop"?',
  ],
  [
    'a flow that is no query',
    'rules: [{ name: a, action: drop, match: { flow: "sni:a" } }]',
    'r.yaml:1:49: match.flow: there is no key "sni"; Did you mean src:?',
  ],
  [
    'a flow beside flags of packets',
    'rules: [{ name: a, action: drop, match: { flow: "unit:a", tcp_flags: syn } }]',
    'r.yaml:1:59: match.tcp_flags: does not go with flow: it differs from packet to packet, and a flow is judged as a whole; leave one of them out',
  ],
  [
    'a flow beside flags of packets that are excluded',
    'rules: [{ name: a, action: pass, match: { flow: "unit:a", not: { tcp_flags: [rst] } } }]',
    'r.yaml:1:66: match.not.tcp_flags: does not go with flow: it differs from packet to packet, and a flow is judged as a whole; leave one of them out',
  ],
  [
    'a flow that is excluded and no query',
    'rules: [{ name: a, action: pass, match: { not: { flow: 7 } } }]',
    'r.yaml:1:56: match.not.flow: expected words such as "tls.sni:*.example.com unit:nginx.service", found 7',
  ],
  [
    'a reset that the kernel cannot do',
    'rules: [{ name: a, action: drop, reset: true, match: { protocol: redis } }]',
    'r.yaml:1:34: reset: goes with a rule that asks for flow: the kernel decides this one alone; leave it out',
  ],
  [
    'a reset of what passes',
    'rules: [{ name: a, action: pass, reset: true, match: { flow: "unit:a" } }]',
    'r.yaml:1:34: reset: goes with a rule that drops: the action of this one is pass; leave it out',
  ],
  [
    'a reset of what is only counted',
    'rules: [{ name: a, action: drop, audit: true, reset: true, match: { flow: "unit:a" } }]',
    'r.yaml:1:47: reset: goes with a rule that drops: this one only counts; leave it out',
  ],
  [
    'a reset that is no answer',
    'rules: [{ name: a, action: drop, reset: 1, match: { flow: "unit:a" } }]',
    'r.yaml:1:41: reset: expected true or false, found 1',
  ],
  [
    'a rate without a number',
    'rules: [{ name: a, action: rate-limit, rate: { per: source }, match: {} }]',
    'r.yaml:1:46: rate: needs packets_per_second or bytes_per_second, and only one of them',
  ],
  [
    'a limit without a rate',
    'rules: [{ name: a, action: rate-limit, match: {} }]',
    'r.yaml:1:9: rate: is missing; say how much passes: `rate: { packets_per_second: 100 }`',
  ],
  [
    'a rate of a rule that drops',
    'rules: [{ name: a, action: drop, rate: { packets_per_second: 1 }, match: {} }]',
    'r.yaml:1:34: rate: goes with the action rate-limit, not with drop',
  ],
  [
    'a burst smaller than a packet',
    'rules: [{ name: a, action: rate-limit, rate: { bytes_per_second: 9, burst: 1000 }, match: {} }]',
    'r.yaml:1:76: rate.burst: expected a whole number from 65536 to 1000000000000, found 1000',
  ],
  [
    'a time without a zone',
    'rules: [{ name: a, action: drop, expires: 2030-01-01T00:00, match: {} }]',
    'r.yaml:1:43: expires: expected a time such as 2027-01-31T18:00:00Z, found "2030-01-01T00:00"',
  ],
  ['no action', 'rules: [{ name: a, match: {} }]', 'r.yaml:1:9: action: expected drop or reject or pass or rate-limit, found nothing'],
  [
    'no match',
    'rules: [{ name: a, action: drop }]',
    'r.yaml:1:9: rules[0]: "match" is missing; say what it is about: `match: {}` matches every packet',
  ],
  ['audit that is no truth', rule('{}', '\n    audit: yep'), 'r.yaml:4:12: audit: expected true or false, found "yep"'],
  ['an unknown condition', rule('{ sorce: {} }'), 'r.yaml:4:14: match.sorce: unknown key "sorce"; did you mean "source"?'],
  [
    'an unknown key of an end',
    rule('{ source: { port: 1 } }'),
    'r.yaml:4:24: match.source.port: unknown key "port"; did you mean "ports"?',
  ],
  ['an end without conditions', rule('{ source: {} }'), 'r.yaml:4:22: match.source: needs cidrs, ports or both'],
  [
    'a port beyond the last',
    rule('{ source: { ports: [65536] } }'),
    'r.yaml:4:32: match.source.ports[0]: 65536 is too large; write a number from 0 to 65535',
  ],
  [
    'a range turned round',
    rule('{ source: { ports: [90-80] } }'),
    'r.yaml:4:32: match.source.ports[0]: "90-80" ends before it begins; write 80-90',
  ],
  [
    'a port by name',
    rule('{ source: { ports: [http] } }'),
    'r.yaml:4:32: match.source.ports[0]: "http" is neither a number nor a range such as 8000-8099',
  ],
  [
    'an address that is none',
    rule('{ source: { cidrs: [10.0.0] } }'),
    'r.yaml:4:32: match.source.cidrs[0]: "10.0.0" is neither an address nor address/length',
  ],
  [
    'a length beyond the last',
    rule('{ source: { cidrs: [10.0.0.0/33] } }'),
    'r.yaml:4:32: match.source.cidrs[0]: "10.0.0.0/33": the length must be from 0 to 32',
  ],
  [
    'bits behind the length',
    rule('{ source: { cidrs: [10.1.2.3/16] } }'),
    'r.yaml:4:32: match.source.cidrs[0]: "10.1.2.3/16" has bits behind its length; did you mean 10.1.0.0/16?',
  ],
  [
    'an IPv4 address in IPv6',
    rule('{ source: { cidrs: ["::ffff:10.0.0.1"] } }'),
    'r.yaml:4:32: match.source.cidrs[0]: "::ffff:10.0.0.1": write it as an IPv4 address',
  ],
  [
    'a transport that is none',
    rule('{ transport: tpc }'),
    'r.yaml:4:25: match.transport: expected icmp or igmp or tcp or udp or gre or esp or ah or icmp6 or sctp, found "tpc"; did you mean "tcp"?',
  ],
  ['a transport number', rule('{ transport: 256 }'), 'r.yaml:4:25: match.transport: an IP protocol number is from 0 to 255, found 256'],
  [
    'a protocol that is none',
    rule('{ protocol: [http1, reddis] }'),
    'r.yaml:4:32: match.protocol[1]: found "reddis"; did you mean "redis"?',
  ],
  [
    'a flag that is none',
    rule('{ tcp_flags: [sny] }'),
    'r.yaml:4:26: match.tcp_flags[0]: expected fin or syn or rst or psh or ack or urg or ece or cwr, found "sny"; did you mean "syn"?',
  ],
  ['a direction that is none', rule('{ direction: ingress }'), 'r.yaml:4:25: match.direction: expected in or out, found "ingress"'],
  ['an IP version', rule('{ ip_version: 5 }'), 'r.yaml:4:26: match.ip_version: expected 4 or 6, found 5'],
  ['a reply that is no truth', rule('{ reply: maybe }'), 'r.yaml:4:21: match.reply: expected true or false, found "maybe"'],
  ['a message that is none', rule('{ icmp: echo-reqest }'), 'r.yaml:4:20: match.icmp: found "echo-reqest"; did you mean "echo-request"?'],
  ['a code beyond the last', rule('{ icmp: 3/256 }'), 'r.yaml:4:20: match.icmp: "3/256": types and codes are from 0 to 255'],
  [
    'a message of another transport',
    rule('{ icmp: 8, transport: tcp }'),
    'r.yaml:4:34: match.transport: only icmp and icmp6 have types: this rule would never match; leave one of them out',
  ],
  [
    'a message with ports',
    rule('{ icmp: 8, source: { ports: 1 } }'),
    'r.yaml:4:20: match.icmp: icmp has no ports: this rule would never match; leave one of them out',
  ],
  [
    'a message that the version has not',
    rule('{ icmp: neighbor-solicitation, ip_version: 4 }'),
    'r.yaml:4:20: match.icmp: there is no such message in IPv4: this rule would never match',
  ],
  [
    'a length beyond the last',
    rule('{ length: 1-65536 }'),
    'r.yaml:4:22: match.length: 65536 is too large; write a number from 0 to 65535',
  ],
  [
    'a range of tunnels that is too wide',
    rule('{ tunnel: 1-4097 }'),
    'r.yaml:4:22: match.tunnel: a range of tunnels has at most 4096 ids, found 4097',
  ],
  ['a tag beyond the last', rule('{ vlan: 4096 }'), 'r.yaml:4:20: match.vlan: 4096 is too large; write a number from 0 to 4095'],
  [
    'a confidence that is none',
    rule('{ confidence: sure }'),
    'r.yaml:4:26: match.confidence: expected probable or confirmed, found "sure"',
  ],
  [
    'an empty list',
    rule('{ source: { ports: [] } }'),
    'r.yaml:4:31: match.source.ports: the list is empty; leave it out to match everything',
  ],
  [
    'ports without a transport that has them',
    rule('{ transport: icmp, source: { ports: 1 } }'),
    'r.yaml:4:25: match.transport: only tcp, udp and sctp have ports: this rule would never match; name one of them, or leave the ports out',
  ],
  [
    'flags of udp',
    rule('{ transport: udp, tcp_flags: syn }'),
    'r.yaml:4:25: match.transport: only tcp has tcp_flags: this rule would never match; name tcp, or leave the flags out',
  ],
  [
    'IPv6 and IPv4 addresses only',
    rule('{ ip_version: 6, source: { cidrs: 10.0.0.1 } }'),
    'r.yaml:4:46: match.source.cidrs: no IPv6 address is among them: this rule would never match; add one, or leave ip_version out',
  ],
  [
    'two of a name',
    `${rule('{}')}  - { name: r, action: pass, match: {} }\n`,
    'r.yaml:5:5: name: r is taken already (r.yaml:2); give one of them another name',
  ],
  ['a key twice', rule('{}', '\n    action: pass'), 'r.yaml:4:5: the key "action" is there twice; keep one'],
]

describe('rule files', () => {
  it.each(bad)('%s', (_what, text, said) => expect(mistakes(text)).toContain(said))

  it('all mistakes are told at once, and nothing is taken', () => {
    expect(mistakes('rules:\n  - { name: a, action: drop, match: { vlan: x } }\n  - { name: b, action: no, match: {} }\n')).toHaveLength(2)
  })

  it('one value stands for a list of one, and the defaults are plain', () => {
    const { rules } = load('rules: [{ name: a, action: pass, match: { transport: udp, not: { source: { ports: 53 } } } }]')
    expect(rules[0]).toMatchObject({
      audit: false,
      comment: '',
      match: { transport: [17] },
      not: { source: { ports: [{ from: 53, to: 53 }] } },
    })
  })

  it('says where a rule is enforced', () => {
    const at = (match: string) => load(rule(match)).rules.map(enforcedAt)[0]
    expect(at('{ direction: in }')).toBe('XDP (TC where XDP is not attached)')
    expect(at('{ not: { direction: in } }')).toBe('TC egress')
    expect(at('{ protocol: redis }')).toBe('XDP, TC egress; after the verdict')
  })

  it('reports rules that never decide', () => {
    const text = `rules:
  - { name: net, action: drop, match: { source: { cidrs: 10.0.0.0/8 } } }
  - { name: host, action: pass, match: { source: { cidrs: 10.1.2.3 }, transport: tcp } }
  - { name: other, action: pass, match: { source: { cidrs: 11.0.0.1 } } }
  - { name: again, action: drop, match: { source: { cidrs: 10.0.0.0/8 } } }
  - { name: watch, action: drop, audit: true, match: { transport: udp } }
  - { name: dns, action: drop, match: { transport: udp } }
`
    expect(load(text).warnings).toEqual([
      'r.yaml:3: host never decides: net (r.yaml:2) takes every packet of it',
      'r.yaml:5: again asks the same as net (r.yaml:2), which stands before it',
    ])
  })
})

describe('packets in words', () => {
  const { rules } = load(rule('{ transport: tcp, source: { ports: 22 }, destination: { ports: 80 } }'))
  const drops = (words: string) => evaluate(rules, describedPacket([words])).drop
  it('are read', () => {
    expect(drops('tcp 10.0.0.1:22 > 10.0.0.2:80')).toBe(true)
    expect(drops('[2001:db8::1]:22 > [2001:db8::2]:80 in eth0 syn vlan 7')).toBe(true)
    const { rules: more } = load(`rules:
  - { name: ping, action: drop, match: { icmp: echo-request, length: 100-65535 } }
  - { name: green, action: drop, match: { tunnel: 7 } }
`)
    const asked = (words: string) => evaluate(more, describedPacket([words])).rule
    expect(asked('icmp 10.0.0.1 > 10.0.0.2 type echo-request length 1000')).toBe(0)
    expect(asked('icmp6 2001:db8::1 > 2001:db8::2 type 128 length 100')).toBe(0)
    expect(asked('icmp 10.0.0.1 > 10.0.0.2 type 8/0 length 99')).toBeUndefined()
    expect(asked('icmp 10.0.0.1 > 10.0.0.2 type 8')).toBeUndefined()
    expect(asked('udp 10.0.0.1:1 > 10.0.0.2:2 tunnel 7')).toBe(1)
    expect(() => asked('icmp 10.0.0.1 > 10.0.0.2 type neighbor-solicitation')).toThrow('IPv4 has no neighbor-solicitation')
    expect(() => asked('icmp 10.0.0.1 > 10.0.0.2 type ecko-request')).toThrow('did you mean echo-request?')
    expect(drops('udp 10.0.0.1:22 > 10.0.0.2:80')).toBe(false)
    expect(describedPacket(['icmp', '10.0.0.1', '>', '10.0.0.2']).ports).toBeUndefined()
    expect(describedPacket(['10.0.0.1:1 > 10.0.0.2:2 speaks tls>http1'])).toMatchObject({ pending: false, confidence: 2, named: 1 })
  })
  it.each([
    ['10.0.0.1:22', 'a packet is described as SOURCE > DESTINATION'],
    ['10.0.0.1 > 10.0.0.2', 'a port is missing: write ADDRESS:PORT'],
    ['10.0.0.1:1 > [::1]:2', 'source and destination are of different IP versions'],
    ['10.0.0.1:1 > 10.0.0.2:2 speeks redis', '"speeks" says nothing of a packet; did you mean speaks?'],
    ['10.0.0.1:1 > 10.0.0.2:2 speaks reddis', 'there is no protocol "reddis"; did you mean redis?'],
    ['10.0.0.1:99999 > 10.0.0.2:2', '99999 is no port'],
  ])('%s is refused', (words, said) => expect(() => describedPacket([words])).toThrow(said))
})
