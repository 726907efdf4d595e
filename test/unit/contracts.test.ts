// SPDX-License-Identifier: Apache-2.0
// Contracts: read from rule files, judged by the whole daemon over recorded flows, proposed from what was seen.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/program.js'
import type { FlowidentError } from '../../src/errors.js'
import { RECORD } from '../../src/flows/layout.js'
import { DECISION, TUPLE } from '../../src/gen/abi.js'
import { loadRules } from '../../src/rules/load.js'
import { enforcedAt } from '../../src/rules/model.js'
import { previewFlows, verdictsOf } from '../lib/preview-flows.js'
import { until } from '../lib/process.js'
import { RecordedDaemon } from '../lib/recorded-daemon.js'
import { protocolId } from './support/records.js'

const load = (text: string) => loadRules([{ name: 'c.yaml', text }])

describe('contracts in rule files', () => {
  it.each([
    ['no list', 'contracts: { a: 1 }', 'c.yaml:1:12: contracts: expected a list of contracts, found {"a":1}'],
    [
      'no service',
      'contracts: [{ speaks: [tls] }]',
      'c.yaml:1:13: service: expected the name of a service or of its unit, such as nginx.service, found nothing',
    ],
    [
      'nothing spoken',
      'contracts: [{ service: a }]',
      'c.yaml:1:13: contracts[0]: "speaks" is missing; name the protocols, as in speaks: [http1, tls]',
    ],
    [
      'an empty list',
      'contracts: [{ service: a, speaks: [] }]',
      'c.yaml:1:35: speaks: the list is empty; name the protocols, or leave the contract out',
    ],
    [
      'a reset of what is only told',
      'contracts: [{ service: a, speaks: tls, reset: true }]',
      'c.yaml:1:40: reset: goes with action: drop; leave it out, or let the contract drop',
    ],
    ['a protocol that is none', 'contracts: [{ service: a, speaks: [tsl] }]', 'c.yaml:1:36: speaks[0]: found "tsl"; did you mean "tls"?'],
    [
      'an action of rules',
      'contracts: [{ service: a, speaks: tls, action: pass }]',
      'c.yaml:1:48: action: expected audit or drop, found "pass"',
    ],
    ['an unknown key', 'contracts: [{ service: a, speak: tls }]', 'c.yaml:1:27: speak: unknown key "speak"; did you mean "speaks"?'],
    [
      'a name',
      'contracts: [{ name: "-", service: a, speaks: tls }]',
      'c.yaml:1:21: name: expected 1 to 63 letters, digits, dots, hyphens and underscores, found "-"',
    ],
    [
      'a name that a rule has',
      'rules: [{ name: a, action: drop, match: {} }]\ncontracts: [{ name: a, service: b, speaks: tls }]',
      'c.yaml:2:13: name: a is taken already (c.yaml:1); give one of them another name',
    ],
  ])('%s', (_what, text, said) => {
    let details: readonly string[] = []
    try {
      load(text)
    } catch (error) {
      details = (error as FlowidentError).details
    }
    expect(details).toContain(said)
  })

  it('those that drop have a rule behind all others, which no packet meets and nothing shadows', () => {
    const set = load(
      'contracts:\n  - { service: nginx.service, speaks: [http1, unknown], action: drop }\n  - { service: redis, speaks: redis }\nrules: [{ name: all, action: pass, match: {} }]',
    )
    expect(set.contracts).toMatchObject([
      { name: 'contract.nginx.service', action: 'drop', speaks: [protocolId('http1'), 0] },
      { name: 'contract.redis', action: 'audit' },
    ])
    expect(set.rules.map(({ name }) => name)).toEqual(['all', 'contract.nginx.service'])
    expect(set.rules.map(enforcedAt)[1]).toBe('XDP, TC; cgroup where neither is; flows that the daemon judges')
    expect(set.warnings).toEqual([])
  })
})

describe('contracts in the daemon', () => {
  let daemon: RecordedDaemon
  const flows = previewFlows()
  beforeEach(async () => {
    daemon = await RecordedDaemon.start({ live: [], ended: flows.ended })
  })
  afterEach(() => daemon[Symbol.asyncDispose]())

  async function cli(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const io = { stdout: { write: (text: string) => (out += text) }, stderr: { write: (text: string) => (err += text) }, env: {} }
    return { code: await main([...argv, '--url', daemon.url], io), out, err }
  }
  const apply = async (text: string) => expect((await cli('rules', 'apply', daemon.dir.file('c.yaml', text))).err).toBe('')
  /** The verdicts of all live flows, as the ring tells them. */
  const tell = () => daemon.kernel.ring(verdictsOf(flows.live))
  const state = async () => JSON.parse((await cli('rules', 'contracts', '--json')).out)

  it('audit: flows are counted once, deviations told with what was spoken', async () => {
    await apply('contracts: [{ service: nginx, speaks: [http1, http2, tls] }]')
    tell()
    tell()
    const { contracts, deviations } = await state()
    expect(contracts).toEqual([expect.objectContaining({ name: 'contract.nginx', kept: 15, deviating: 2, dropped: 0 })])
    expect(deviations.map((each: Record<string, unknown>) => [each['text'], each['flowident.layers'], each['dropped']])).toEqual([
      ['tcp 203.0.113.1:42000 > 192.0.2.10:443', ['ssh'], false],
      ['tcp 203.0.113.2:42001 > 192.0.2.10:443', ['ssh'], false],
    ])
    expect(daemon.kernel.decisions).toEqual([])
    const metrics = await daemon.get('/metrics')
    expect(metrics).toContain('flowident_contract_flows_total{contract="contract.nginx",result="kept"} 15')
    expect(metrics).toContain('flowident_contract_flows_total{contract="contract.nginx",result="deviating"} 2')
  })

  it('drop: the flow of the wire view is given to the rule of the contract, in the set that is in force', async () => {
    await apply(
      'contracts: [{ service: redis, speaks: redis, action: drop }, { service: nginx, speaks: [http1, tls], action: drop }]\nrules: [{ name: r, action: pass, match: {} }]',
    )
    tell()
    const { contracts, deviations } = await state()
    expect(contracts.map((each: { kept: number; dropped: number }) => [each.kept, each.dropped])).toEqual([
      [5, 0],
      [15, 2],
    ])
    expect(deviations.map((each: { dropped: boolean }) => each.dropped)).toEqual([true, true])
    const wire = flows.live.filter((each) => each[RECORD.view] === 2)
    const given = new Set(daemon.kernel.decisions.map((each) => Buffer.from(each.subarray(DECISION.tuple, TUPLE.sizeof)).toString('hex')))
    const ssh = wire.slice(15, 17).map((each) => Buffer.from(each.subarray(RECORD.tuple, RECORD.tuple + TUPLE.sizeof)).toString('hex'))
    expect([...given].sort()).toEqual(ssh.sort())
    for (const each of daemon.kernel.decisions) {
      const data = new DataView(each.buffer)
      expect([data.getUint32(DECISION.generation, true), data.getUint32(DECISION.rule, true)]).toEqual([1, 2])
    }
  })

  it('reset: connections are ended first, then dropped; contracts without it end none', async () => {
    await apply('contracts: [{ service: nginx, speaks: [http1, tls], action: drop }]')
    tell()
    expect(daemon.kernel.resets).toEqual([])
    await apply('contracts: [{ service: nginx, speaks: [http1, tls], action: drop, reset: true }]')
    daemon.kernel.decisions.length = 0
    tell()
    await until('the flows to be dropped', async () => (await state()).contracts[0].dropped === 2)
    const ssh = flows.live.filter((each) => each[RECORD.view] === 1).slice(15, 17)
    const cookies = ssh.map((each) => new DataView(each.buffer).getBigUint64(RECORD.id, true))
    expect(new Set(daemon.kernel.resets)).toEqual(new Set(cookies))
    expect(JSON.parse((await cli('rules', 'show', '--json')).out)).toMatchObject({ name: 'contract.nginx', reset: true })
  })

  it('other contracts count anew; without any nothing is judged', async () => {
    await apply('contracts: [{ service: nginx, speaks: ssh }]')
    tell()
    expect((await state()).contracts[0]).toMatchObject({ kept: 2, deviating: 15 })
    await apply('contracts: [{ service: redis, speaks: redis }]')
    tell()
    expect((await state()).contracts).toEqual([expect.objectContaining({ service: 'redis', kept: 5, deviating: 0 })])
    await apply('rules: []')
    expect((await cli('rules', 'contracts')).out).toBe('there are no contracts\n')
  })

  it('deviations are events', async () => {
    await apply('contracts: [{ service: nginx, speaks: [http1, tls] }]')
    const events = daemon.events((text) => (text.match(/"event":"deviation"/g) ?? []).length === 2)
    await events.ready
    tell()
    const told = (await events.text)
      .split('\n')
      .filter((line) => line.includes('"event":"deviation"'))
      .map((line) => JSON.parse(line))
    expect(told[0]).toMatchObject({
      contract: 'contract.nginx',
      action: 'audit',
      flow: { 'network.protocol.name': 'ssh', 'service.name': 'nginx' },
    })
  })

  it('learn proposes what rules check takes and what the flows keep', async () => {
    tell()
    const { out, code } = await cli('learn')
    expect(code).toBe(0)
    const proposed = load(out).contracts
    expect(proposed.map(({ service, speaks }) => [service, speaks])).toEqual([
      ['backup', [protocolId('redis')]],
      ['nginx', ['http1', 'ssh', 'tls'].map(protocolId)],
      ['redis', [protocolId('redis')]],
    ])
    await apply(out)
    tell()
    for (const { deviating } of (await state()).contracts) expect(deviating).toBe(0)
    const some = await cli('learn', '--min-flows', '3', '--service', 'nginx', '--action', 'drop')
    expect(some.out).toContain('speaks: [http1, tls]\n    action: drop\n    comment: "flows seen: tls 12, http1 3; left out: ssh 2"')
    expect((await cli('learn', '--service', 'nobody')).code).toBe(3)
    expect((await cli('learn', '--action', 'no')).code).toBe(2)
  })
})
