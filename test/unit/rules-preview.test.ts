// SPDX-License-Identifier: Apache-2.0
// What rules would have dropped: asked of the whole daemon over recorded flows, by the command line.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/program.js'
import { previewFlows } from '../lib/preview-flows.js'
import { RecordedDaemon } from '../lib/recorded-daemon.js'

interface Row {
  rule: string
  audit: boolean
  service: string
  flows: number
  packets: number
  bytes: number
  example: string
}

describe('rules preview', () => {
  let daemon: RecordedDaemon
  beforeEach(async () => {
    daemon = await RecordedDaemon.start(previewFlows())
  })
  afterEach(() => daemon[Symbol.asyncDispose]())

  async function cli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: (text: string) => (err += text) }, env: {} }
    return { code: await main([...argv, '--url', daemon.url], io), out, err }
  }
  async function rows(match: string, more = '', ...words: string[]): Promise<Row[]> {
    const file = daemon.dir.file('r.yaml', `rules: [{ name: r, action: drop, ${more} match: ${match} }]`)
    const { code, out } = await cli('rules', 'preview', file, '--json', ...words)
    expect(code).toBe(0)
    return (JSON.parse(out) as { rows: Row[] }).rows
  }

  it('counts by rule and service, whole flows where they would not have been', async () => {
    // 12 of tls and 2 of ssh; the SYN decides: 9 packets and 4,500 bytes each.
    expect(await rows('{ direction: in, destination: { ports: [443] } }')).toEqual([
      expect.objectContaining({ rule: 'r', audit: false, service: 'nginx', flows: 14, packets: 126, bytes: 63_000 }),
    ])
    expect(await rows('{ interface: eth9 }')).toEqual([])
    expect(await rows('{ interface: eth0, protocol: redis, source: { cidrs: [198.51.100.0/24] } }')).toMatchObject([
      { service: 'backup', flows: 2 },
      { service: 'redis', flows: 1, example: 'tcp 198.51.100.77:43100 > 192.0.2.10:6379' },
    ])
  })

  it('only the end that is dropped, when the flow goes on', async () => {
    expect(await rows('{ direction: out, reply: true, source: { ports: [80] } }')).toMatchObject([{ flows: 3, packets: 12, bytes: 12_000 }])
    expect(await rows('{ direction: in, reply: true }')).toEqual([])
  })

  it('what would be counted, what is of longer ago, and nothing twice', async () => {
    expect(await rows('{ protocol: http1 }', 'audit: true,')).toMatchObject([{ audit: true, flows: 3, packets: 27 }])
    const services = (list: Row[]) => list.map(({ service, flows }) => `${service} ${flows}`)
    expect(services(await rows('{ destination: { ports: [873] } }'))).toEqual(['backup 2'])
    expect(services(await rows('{ destination: { ports: [873] } }', '', '--minutes', '180'))).toEqual(['backup 3'])
    expect((await rows('{}')).reduce((all, { flows }) => all + flows, 0)).toBe(24)
  })

  it('rules with flow, by all that is known of the flow and by what its ends send', async () => {
    expect(await rows('{ flow: "process:nginx", source: { cidrs: [203.0.113.0/24] } }')).toMatchObject([
      { service: 'nginx', flows: 5, packets: 45, bytes: 22_500 },
    ])
    expect(await rows('{ flow: "process:nginx", direction: in, source: { ports: [443] } }')).toEqual([])
    expect(await rows('{ flow: "process:backup" }')).toMatchObject([{ service: 'backup', flows: 2 }])
    expect(await rows('{ not: { flow: "process:nginx,redis" } }', 'audit: true,')).toMatchObject([
      { audit: true, service: 'backup', flows: 2, packets: 18 },
    ])
  })

  it('a rule with flow in front, behind, and beside one that takes some of the packets', async () => {
    const flow = '{ name: f, action: drop, match: { flow: "protocol:ssh" } }'
    const all = async (...rules: string[]) => {
      const { out } = await cli('rules', 'preview', daemon.dir.file('r.yaml', `rules: [${rules.join(', ')}]`), '--json')
      return (JSON.parse(out) as { rows: Row[] }).rows.map(({ rule, flows, packets }) => `${rule} ${flows} ${packets}`)
    }
    const port = (action: string, end: string) => `{ name: p, action: ${action}, match: { ${end}: { ports: [443] } } }`
    expect(await all(flow, port('drop', 'destination'))).toEqual(['p 14 126'])
    expect(await all(port('pass', 'source'), flow)).toEqual(['f 2 10'])
    expect(await all(port('pass', 'source'), port('pass', 'destination').replace('p,', 'q,'), flow)).toEqual([])
    // What passes flows holds up what is behind it: only what the ends send once the flows are known is dropped.
    expect(await all(flow.replace('drop', 'pass'), port('drop', 'destination'))).toEqual(['p 12 60'])
  })

  it('contracts, by the flows of sockets', async () => {
    const file = daemon.dir.file(
      'c.yaml',
      'contracts: [{ service: nginx, speaks: [http1, tls], action: drop }, { service: redis, speaks: tls }]',
    )
    const { out } = await cli('rules', 'preview', file, '--json')
    const { rows: found, rules } = JSON.parse(out) as { rows: Row[]; rules: string[] }
    expect(rules).toEqual(['contract.nginx', 'contract.redis'])
    expect(found).toMatchObject([
      { rule: 'contract.redis', audit: true, service: 'redis', flows: 5 },
      {
        rule: 'contract.nginx',
        audit: false,
        service: 'nginx',
        flows: 2,
        packets: 18,
        example: 'tcp 203.0.113.2:42001 > 192.0.2.10:443 speaks ssh',
      },
    ])
  })

  it('without files, of the rules in force; with mistakes, none', async () => {
    expect((await cli('rules', 'preview')).out).toBe('0 of 0 rules decide something in 24 flows of the last 60 min\n')
    const file = daemon.dir.file('r.yaml', 'rules: [{ name: live, action: drop, match: { protocol: ssh } }]')
    expect((await cli('rules', 'apply', file)).code).toBe(0)
    expect((await cli('rules', 'preview')).out).toMatch(/^SERVICE +RULE .*\nnginx +live +2 +18 /)
    const wrong = await cli('rules', 'preview', daemon.dir.file('w.yaml', 'rules: [{ name: a, action: no, match: {} }]'))
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('w.yaml:1:28: action: expected drop or reject or pass')])
  })

  it('says how far back the flows are known', async () => {
    await daemon[Symbol.asyncDispose]()
    daemon = await RecordedDaemon.start(previewFlows(), (config) => {
      config.flows.history = 2
    })
    expect((await cli('rules', 'preview')).err).toContain('are partly forgotten (flows.history)')
  })
})
