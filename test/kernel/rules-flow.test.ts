// SPDX-License-Identifier: Apache-2.0
// Flows that user space gives to a rule, in the loaded programs: what each action does with their packets, and which rule decides.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { readBatch, type RecordHandler } from '../../src/flows/decode.js'
import { RECORD } from '../../src/flows/layout.js'
import { RecordView } from '../../src/flows/record-view.js'
import { DECIDE, DECISION, RULE_HITS, RULES_SWITCH, TUPLE } from '../../src/gen/abi.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { until } from '../lib/process.js'
import { ethernet, ip, tcpSegment } from '../lib/synth.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const ignore = (): void => undefined
const nothing: Omit<RecordHandler, 'flow'> = { labels: ignore, exec: ignore, cgroup: ignore, listen: ignore, sample: ignore }
const [SYN, ACK] = [2, 16]
const [CLIENT, SERVER] = ['10.8.0.1', '10.8.0.2']
const tcp = (from: string, sport: number, to: string, dport: number, flags: number, data: string, seq: number): Buffer =>
  ethernet(ip(from, to, 6, tcpSegment(sport, dport, seq, 1, flags, Buffer.from(data, 'latin1')), 16))

const reason = unavailable()
describe.skipIf(reason !== undefined)(`flows given to rules${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  let port = 6200
  beforeAll(async () => {
    kernel = await addon.openKernel({ flows: 4096, pending: 1024, without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_filter'] })
  })
  afterEach(() => kernel.installRules(null))
  afterAll(() => kernel?.close())

  const xdp = (frame: Buffer): string => {
    const { retval } = kernel.testRun('fi_xdp', frame)
    return retval === 1 ? 'drop' : retval === 3 ? 'answer' : 'pass'
  }
  const send = (sport: number, seq: number): string =>
    xdp(tcp(CLIENT, sport, SERVER, 80, ACK, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', seq))
  const back = (sport: number, seq = 501): string =>
    xdp(tcp(SERVER, 80, CLIENT, sport, ACK, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', seq))
  /** A new connection; `known`: with a request and an answer. Gives the client's port. */
  function connect(known = true): number {
    const sport = port++
    expect(xdp(tcp(CLIENT, sport, SERVER, 80, SYN, '', 100))).toBe('pass')
    expect(xdp(tcp(SERVER, 80, CLIENT, sport, SYN | ACK, '', 500))).toBe('pass')
    if (known) expect([send(sport, 101), back(sport)]).toEqual(['pass', 'pass'])
    return sport
  }
  const install = (rules: string): Promise<number> =>
    kernel.installRules(compileRules(loadRules([{ name: 'test.yaml', text: rules }]).rules, [{ name: 'lo', index: 1 }]))
  /** packets, dropped packets and flows of each rule. */
  async function hits(rules: number): Promise<number[][]> {
    const data = new DataView(await kernel.ruleHits(rules))
    const at = (i: number, member: number) => Number(data.getBigUint64(RULES_SWITCH.sizeof + i * RULE_HITS.sizeof + member, true))
    return Array.from({ length: rules }, (_, i) => [at(i, RULE_HITS.packets), at(i, RULE_HITS.dropped), at(i, RULE_HITS.flows)])
  }
  async function tupleOf(sport: number): Promise<Uint8Array> {
    const dump = await kernel.dumpFlows()
    let tuple = new Uint8Array()
    const flow = (at: RecordView) => {
      if (at.port(0) === sport || at.port(1) === sport)
        tuple = new Uint8Array(dump.slice(at.at + RECORD.tuple, at.at + RECORD.tuple + TUPLE.sizeof))
    }
    readBatch(dump, 0, dump.byteLength, { ...nothing, flow }, new RecordView())
    return tuple
  }
  function decide(tuple: Uint8Array, generation: number, rule = 0, how: number = DECIDE.DROP): number {
    const ctx = new Uint8Array(DECISION.sizeof)
    ctx.set(tuple, DECISION.tuple)
    const data = new DataView(ctx.buffer)
    data.setUint32(DECISION.generation, generation, true)
    data.setUint32(DECISION.rule, rule, true)
    data.setUint32(DECISION.how, how, true)
    return kernel.testRun('fi_rule_flow', new Uint8Array(0), { ctx }).retval
  }

  it('dropped for its life, in both directions, until another set is in force', async () => {
    const [mine, other] = [connect(), connect()]
    const contract = 'contracts: [{ service: a, speaks: tls, action: drop }]'
    const generation = await install(contract)
    const tuple = await tupleOf(mine)
    const wrong = tuple.map((byte, i) => (i === 0 ? byte ^ 1 : byte))
    expect([decide(tuple, generation + 1), decide(wrong, generation)]).toEqual([0, 0])
    expect([send(mine, 200), back(mine)]).toEqual(['pass', 'pass'])
    expect([decide(tuple, generation), decide(tuple, generation)]).toEqual([1, 1])
    expect([send(mine, 300), back(mine), send(mine, 400)]).toEqual(['drop', 'drop', 'drop'])
    expect([send(other, 300), back(other)]).toEqual(['pass', 'pass'])
    expect(await hits(1)).toEqual([[3, 3, 1]])
    await install(contract)
    expect(send(mine, 500)).toBe('pass')
  })

  it('rejected for its life: each packet of both ends is answered, resets are dropped', async () => {
    const [mine, other] = [connect(), connect()]
    const rules = 'rules: [{ name: by-flow, action: reject, match: { flow: "unit:a" } }]'
    const generation = await install(rules)
    const tuple = await tupleOf(mine)
    expect([decide(tuple, generation, 0, DECIDE.REJECT), decide(tuple, generation, 0, DECIDE.REJECT)]).toEqual([1, 1])
    for (let n = 0; n < 3; n++) expect([send(mine, 300 + n), back(mine)]).toEqual(['answer', 'answer'])
    expect(xdp(tcp(CLIENT, mine, SERVER, 80, ACK | 4, '', 310))).toBe('drop')
    expect([send(other, 300), back(other)]).toEqual(['pass', 'pass'])
    expect(await hits(1)).toEqual([[7, 7, 1]])
    await install(rules)
    expect(send(mine, 500)).toBe('pass')
  })

  it('taken: what no rule in front decides is dropped, packet by packet', async () => {
    const mine = connect()
    const generation = await install(`rules:
  - { name: answers, action: pass, match: { source: { ports: [80] } } }
  - { name: by-flow, action: drop, match: { flow: "unit:a" } }
`)
    expect(decide(await tupleOf(mine), generation, 1, DECIDE.TAKE)).toBe(1)
    for (let n = 0; n < 5; n++) expect([send(mine, 200 + n), back(mine, 600 + n)]).toEqual(['drop', 'pass'])
    expect(await hits(2)).toEqual([
      [5, 0, 0],
      [5, 5, 1],
    ])
  })

  it('taken by a rule that passes: rules behind it are not asked, those in front are', async () => {
    const [mine, other] = [connect(), connect()]
    const generation = await install(`rules:
  - { name: no-reset, action: drop, match: { tcp_flags: [rst] } }
  - { name: by-flow, action: pass, match: { flow: "unit:a" } }
  - { name: no-web, action: drop, match: { destination: { ports: [80] } } }
  - { name: no-http, action: drop, match: { protocol: http1 } }
`)
    const tuple = await tupleOf(mine)
    expect([send(mine, 200), send(other, 200)]).toEqual(['drop', 'drop'])
    expect(decide(tuple, generation, 1, DECIDE.TAKE)).toBe(1)
    expect([send(mine, 300), back(mine), send(mine, 400), back(mine)]).toEqual(['pass', 'pass', 'pass', 'pass'])
    expect(xdp(tcp(CLIENT, mine, SERVER, 80, ACK | 4, '', 300))).toBe('drop')
    expect([send(other, 300), back(other)]).toEqual(['drop', 'drop'])
    const [rst, flow, ...behind] = await hits(4)
    expect([rst, flow]).toEqual([
      [1, 1, 0],
      [4, 0, 1],
    ])
    expect(behind.map(([packets]) => packets)).toEqual([3, 1])
  })

  it('a rule that passes flows holds up what stands behind it until the verdict is there', async () => {
    await install(`rules:
  - { name: by-flow, action: pass, match: { flow: "unit:a", not: { destination: { ports: [81] } } } }
  - { name: all, action: drop, match: { transport: tcp } }
`)
    const mine = connect(false)
    // Not what the rule may ever pass.
    expect(xdp(tcp(CLIENT, mine, SERVER, 81, SYN, '', 100))).toBe('drop')
    send(mine, 101)
    back(mine)
    expect([send(mine, 200), back(mine)]).toEqual(['drop', 'drop'])
  })

  it('given back: a flow that is dropped for its life may be taken by a rule in front', async () => {
    const mine = connect()
    const generation = await install(`rules:
  - { name: by-flow, action: pass, match: { flow: "unit:a" } }
  - { name: no-http, action: drop, match: { protocol: http1 } }
`)
    const tuple = await tupleOf(mine)
    expect([send(mine, 200), back(mine)]).toEqual(['drop', 'drop'])
    expect(decide(tuple, generation, 0, DECIDE.TAKE)).toBe(1)
    expect([send(mine, 300), back(mine)]).toEqual(['pass', 'pass'])
  })

  it('only counted: packets and the flow; of a flow that another rule has, the flow alone', async () => {
    const [mine, other] = [connect(), connect()]
    const generation = await install(`rules:
  - { name: watch, action: drop, audit: true, match: { flow: "unit:a" } }
  - { name: by-flow, action: drop, match: { flow: "unit:b" } }
`)
    expect(decide(await tupleOf(mine), generation, 0, DECIDE.AUDIT)).toBe(1)
    expect([send(mine, 200), back(mine), send(mine, 300)]).toEqual(['pass', 'pass', 'pass'])
    expect(await hits(2)).toEqual([
      [3, 0, 1],
      [0, 0, 0],
    ])
    const tuple = await tupleOf(other)
    expect([decide(tuple, generation, 1), decide(tuple, generation, 0, DECIDE.AUDIT)]).toEqual([1, 1])
    expect([send(other, 200), back(other)]).toEqual(['drop', 'drop'])
    expect(await hits(2)).toEqual([
      [3, 0, 2],
      [2, 2, 1],
    ])
  })

  it('held to a rate, and counted above it', async () => {
    const [mine, other, counted] = [connect(), connect(), connect()]
    const rate = 'action: rate-limit, rate: { packets_per_second: 1, burst: 3 }'
    const generation = await install(`rules:
  - { name: slow, ${rate}, match: { flow: "unit:a" } }
  - { name: watch, ${rate}, audit: true, match: { flow: "unit:b" } }
`)
    expect(decide(await tupleOf(mine), generation, 0, DECIDE.TAKE)).toBe(1)
    expect(decide(await tupleOf(counted), generation, 1, DECIDE.AUDIT)).toBe(1)
    const answers = Array.from({ length: 10 }, (_, n) => send(mine, 200 + n))
    expect(answers.slice(0, 3)).toEqual(['pass', 'pass', 'pass'])
    expect(answers.filter((each) => each === 'drop').length).toBeGreaterThanOrEqual(6)
    for (let n = 0; n < 10; n++) expect([send(other, 200 + n), send(counted, 200 + n)]).toEqual(['pass', 'pass'])
    const [slow, watch] = await hits(2)
    expect(slow).toEqual([10, answers.filter((each) => each === 'drop').length, 1])
    expect([watch?.[0], watch?.[1], watch?.[2]]).toEqual([expect.toBeOneOf([6, 7]), 0, 1])
  })

  it('a rule that has expired lets go what it took', async () => {
    const mine = connect()
    const generation = await install(`rules:
  - { name: by-flow, action: rate-limit, rate: { packets_per_second: 1, burst: 1 }, match: { flow: "unit:a" }, expires: "${new Date(Date.now() + 1500).toISOString()}" }
`)
    expect(decide(await tupleOf(mine), generation, 0, DECIDE.TAKE)).toBe(1)
    expect([send(mine, 200), send(mine, 201)]).toEqual(['pass', 'drop'])
    await until('the rule to expire', () => send(mine, 300) === 'pass' && send(mine, 301) === 'pass' && send(mine, 302) === 'pass')
  })
})
