// SPDX-License-Identifier: Apache-2.0
// Rules with `flow`, judged by the whole daemon over recorded flows: which flows are given to which rule in the kernel.
import { statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/program.js'
import { RECORD, TYPE } from '../../src/flows/layout.js'
import { DECIDE, DECIDED, DECISION, TUPLE } from '../../src/gen/abi.js'
import { createLogger } from '../../src/log.js'
import { decideBy } from '../../src/rules/decision.js'
import { type Reset, resetBy } from '../../src/rules/reset.js'
import { previewFlows, verdictsOf } from '../lib/preview-flows.js'
import { until } from '../lib/process.js'
import { RecordedDaemon } from '../lib/recorded-daemon.js'
import { join, labelsRecord, record, viewOfRecord } from './support/records.js'

/** Ports of the clients of the servers in previewFlows, by protocol: 12 tls, 3 http1, 2 ssh (nginx), 5 redis. */
const SSH = [42_000, 42_001]

describe('rules that the daemon judges flow by flow', () => {
  let daemon: RecordedDaemon
  const flows = previewFlows()
  beforeEach(async () => {
    daemon = await RecordedDaemon.start({ live: [], ended: flows.ended })
  })
  afterEach(() => daemon[Symbol.asyncDispose]())

  async function apply(text: string): Promise<void> {
    let err = ''
    const io = { stdout: { write: () => true }, stderr: { write: (more: string) => (err += more) }, env: {} }
    await main(['rules', 'apply', daemon.dir.file('f.yaml', text), '--url', daemon.url], io)
    expect(err).toBe('')
  }
  /** The verdicts of all live flows, as the ring tells them. */
  const tell = () => daemon.kernel.ring(verdictsOf(flows.live))
  /** What was done with flows, by the index of the rule: `how` and the ports of their clients. */
  function given(): Record<number, (string | number)[]> {
    const found: Record<number, Set<string | number>> = {}
    for (const each of daemon.kernel.decisions) {
      const data = new DataView(each.buffer)
      const rule = data.getUint32(DECISION.rule, true)
      const how = Object.entries(DECIDE).find(([, number]) => number === data.getUint32(DECISION.how, true))?.[0]
      found[rule] ??= new Set([how ?? ''])
      found[rule].add(how ?? '')
      found[rule].add(data.getUint16(DECISION.tuple + RECORD.port[1] - RECORD.tuple))
    }
    return Object.fromEntries(Object.entries(found).map(([rule, all]) => [rule, [...all]]))
  }
  /** Behind a rule that takes the flows told last: once they are given, so is all that will be. */
  async function judged(rules: string): Promise<Record<number, (string | number)[]>> {
    daemon.kernel.decisions.length = 0
    await apply(`rules:\n- { name: last, action: drop, match: { flow: "protocol:redis" } }\n${rules}`)
    tell()
    await until('the last flow to be given', () => given()[0]?.length === 6)
    const { 0: _, ...others } = given()
    return others
  }
  const rule = (match: string, action = 'action: drop', name = 'by-flow') => `- { name: ${name}, ${action}, match: ${match} }`
  const ssh = rule('{ flow: "protocol:ssh process:nginx" }')

  it('gives the flows that match, each once more in another set', async () => {
    expect(await judged(ssh)).toEqual({ 1: ['DROP', ...SSH] })
    expect(await judged(ssh.replace('drop', 'reject'))).toEqual({ 1: ['REJECT', ...SSH] })
    expect(await judged(`${rule('{ destination: { ports: [1] } }', 'action: drop', 'other')}\n${ssh}`)).toEqual({ 2: ['DROP', ...SSH] })
  })

  it.each([
    ['a direction', '{ direction: in, destination: { ports: [443] } }', 'passes'],
    ['the other direction', '{ direction: out, destination: { ports: [443] } }', 'DROP'],
    ['answers', '{ direction: out, source: { ports: [443] } }', 'TAKE'],
    ['an interface', '{ interface: eth0, destination: { ports: [443] } }', 'passes'],
    ['another interface', '{ interface: eth9, destination: { ports: [443] } }', 'DROP'],
    ['an interface that is excluded', '{ not: { interface: eth0 } }', 'DROP'],
    ['a protocol', '{ protocol: ssh }', 'passes'],
    ['a protocol that it is not', '{ not: { protocol: ssh } }', 'DROP'],
  ])('a rule in front that passes by %s', async (_what, match, becomes) => {
    const first = rule(match, 'action: pass', 'first')
    expect(await judged(`${first}\n${ssh}`)).toEqual(becomes === 'passes' ? {} : { 2: [becomes, ...SSH] })
  })

  it('a rule in front that drops does not let pass what a rule behind it would', async () => {
    const first = rule('{ protocol: ssh }', 'action: drop', 'first')
    expect(await judged(`${first}\n${rule('{}', 'action: pass', 'all')}\n${ssh}`)).toEqual({ 3: ['TAKE', ...SSH] })
  })

  it.each([
    ['a direction and a port', 'direction: in, destination: { ports: [443] }', SSH],
    ['ports in the direction that they do not have', 'direction: out, destination: { ports: [443] }', []],
    ['an address', 'source: { cidrs: [203.0.113.1] }', [SSH[0]]],
    ['an address that is excluded', 'direction: in, not: { source: { cidrs: [203.0.113.1] } }', [SSH[1]]],
    ['an interface', 'interface: eth*', SSH],
    ['an interface that is excluded', 'not: { interface: eth0 }', []],
    ['a version and a transport', 'ip_version: 4, transport: tcp', SSH],
    ['another transport', 'transport: udp', []],
    ['the way of replies', 'reply: true, source: { ports: [443] }', SSH],
    ['a tag', 'vlan: 7', []],
    ['a protocol and its confidence', 'protocol: ssh, confidence: confirmed', SSH],
    ['a protocol that is excluded', 'not: { layer: ssh }', []],
    ['a query that is excluded', 'not: { flow: "src:203.0.113.2" }', [SSH[0]]],
    ['a query of which not all words fit', 'not: { flow: "src:203.0.113.2 process:redis" }', SSH],
  ])('beside its query asks for %s', async (_what, match, ports) => {
    const found = await judged(rule(`{ flow: "protocol:ssh", ${match} }`))
    expect(found).toEqual(ports.length === 0 ? {} : { 1: ['DROP', ...ports] })
  })

  it('excludes a query alone', async () => {
    expect(await judged(rule('{ not: { flow: "protocol:tls,http1,redis" } }'))).toEqual({ 1: ['DROP', ...SSH] })
  })

  it.each([
    ['passes', 'action: pass', 'TAKE'],
    ['limits', 'action: rate-limit, rate: { packets_per_second: 5 }', 'TAKE'],
    ['only counts', 'action: drop, audit: true', 'AUDIT'],
  ])('%s', async (_what, action, how) => {
    expect(await judged(rule('{ flow: "protocol:ssh" }', action))).toEqual({ 1: [how, ...SSH] })
  })

  it('the first one decides, and those that count in front of it count', async () => {
    const counts = (name: string) => rule('{ flow: "dport:443" }', 'action: drop, audit: true', name)
    const all = [counts('a'), counts('b'), rule('{ flow: "protocol:ssh" }', 'action: pass', 'c'), ssh, counts('d')].join('\n')
    const found = await judged(all)
    expect(Object.keys(found)).toEqual(['1', '3'])
    expect([found[1]?.[0], found[1]?.length, found[3]]).toEqual(['AUDIT', 15, ['TAKE', ...SSH]])
  })

  it('one in front takes a flow over when more is known of it, one behind does not', async () => {
    const labelled = rule('{ flow: "http.host:a.example" }', 'action: pass', 'label')
    expect(await judged(`${labelled}\n${ssh}`)).toEqual({ 2: ['DROP', ...SSH] })
    const wire = flows.live.filter((each) => each[RECORD.view] === 2)[15] as Uint8Array
    daemon.kernel.ring(join(labelsRecord(new DataView(wire.buffer).getBigUint64(RECORD.id, true), { 'http.host': 'a.example' })))
    await until('the label to be seen', () => given()[1] !== undefined)
    expect(given()[1]).toEqual(['TAKE', SSH[0]])
    await judged(`${ssh}\n${labelled}`)
    tell()
    expect(given()[2]).toBeUndefined()
  })

  it('a rule in front that has expired is none', async () => {
    const first = (expires: number) => rule('{}', `action: pass, expires: "${new Date(expires).toISOString()}"`, 'first')
    expect(await judged(`${first(Date.now() + 3_600_000)}\n${ssh}`)).toEqual({})
    expect(await judged(`${first(Date.now() - 1000)}\n${ssh}`)).toEqual({ 2: ['DROP', ...SSH] })
  })

  describe('of sockets', () => {
    const owner = { pid: 41, comm: 'nginx', uid: 33, cgroup: 71n, exeIno: 1n }
    const opened = { owner, flags: 3, state: 2, layers: ['ssh'], type: TYPE.verdict, remotePort: 45_000 }
    const here = { ...opened, id: 900n, local: '127.0.0.1', remote: '127.0.0.1' }
    const away = { ...opened, id: 901n, local: '192.0.2.10', remote: '203.0.113.9' }
    const wire = {
      ...away,
      owner: undefined as never,
      id: 2n ** 63n + 901n,
      view: 2,
      role: 0,
      ifindex: 2,
      ingress: [0, 1] as [number, number],
    }
    /** Views of the flows that were given to the rule. */
    const views = () => daemon.kernel.decisions.map((each) => each[DECISION.tuple + RECORD.view - RECORD.tuple])
    const ring = (...specs: Parameters<typeof record>[0][]) =>
      daemon.kernel.ring(join(...specs.map((each) => record(each?.owner ? each : (({ owner: _, ...rest }) => rest)(each ?? {})))))

    it('at once, when no interface can see them; but not by what a socket does not know', async () => {
      await apply(`rules:\n${rule('{ flow: "process:nginx", not: { interface: eth9 } }', 'action: drop', 'link')}\n${ssh}`)
      ring(here)
      await until('the flow to be given', () => views().length > 0)
      expect(views()).toEqual([1])
      expect(given()).toEqual({ 1: ['DROP', 45_000] })
      const data = new DataView((daemon.kernel.decisions[0] as Uint8Array).buffer)
      expect(data.getBigUint64(DECISION.id, true)).toBe(900n)
    })

    it('on the wire, when that tells of them in a moment', async () => {
      await apply(`rules:\n${ssh}`)
      ring(away)
      ring(wire)
      // Told behind them, and decided at once: what waits for the wire is decided last.
      ring({ ...away, id: 902n, remote: '203.0.113.10' })
      await until('the flows to be given', () => views().length === 2)
      expect(views()).toEqual([2, 1])
    })
  })
})

const logTo = (lines: string[]) =>
  createLogger({
    level: 'warn',
    format: 'json',
    sink: {
      write: (line) => {
        lines.push(line)
        return true
      },
    },
  })

describe('what resets connections', () => {
  const spec = { id: 77n, local: '10.0.0.1', localPort: 80, remote: '10.0.0.2', remotePort: 5000, owner: { pid: 41 } }
  type Asked = [Uint8Array, bigint, string]
  function resetter(answer: () => Promise<void>, lines: string[] = []): { asked: Asked[]; reset: Reset } {
    const asked: Asked[] = []
    const resetSocket = (...words: Asked) => {
      asked.push(words)
      return answer()
    }
    return { asked, reset: resetBy({ resetSocket }, '/proc', logTo(lines)) }
  }

  it('asks for the socket, in the namespace of who has it', async () => {
    const { asked, reset } = resetter(() => Promise.resolve())
    await reset(viewOfRecord(spec))?.()
    expect(asked).toEqual([[record(spec).slice(RECORD.tuple, RECORD.tuple + TUPLE.sizeof), 77n, '/proc/41/ns/net']])
    const mine = viewOfRecord(spec)
    mine.data.setUint32(RECORD.zone, statSync('/proc/self/ns/net').ino, true)
    await reset(mine)?.()
    expect(asked[1]?.[2]).toBe('')
  })

  it('has nothing to reset on the wire, or without connections', () => {
    const { reset } = resetter(() => Promise.resolve())
    expect([reset(viewOfRecord({ ...spec, view: 2 })), reset(viewOfRecord({ ...spec, l4: 17 }))]).toEqual([undefined, undefined])
  })

  it.each([
    ['EOPNOTSUPP', ['CONFIG_INET_DIAG_DESTROY']],
    ['EPERM', ['its ends are not told']],
    ['ENOENT', []],
  ])('tells of %s once', async (code, told) => {
    const lines: string[] = []
    const { reset } = resetter(() => Promise.reject(Object.assign(new Error(code), { code })), lines)
    await reset(viewOfRecord(spec))?.()
    await reset(viewOfRecord(spec))?.()
    expect(lines.length).toBe(told.length)
    for (const [i, words] of told.entries()) expect(lines[i]).toContain(words)
  })
})

describe('what takes decisions', () => {
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const run = (retval: number) => () => ({ retval, durationNs: 0, data: new Uint8Array(0) })

  it('walks over the sockets once for all decisions that come meanwhile', async () => {
    const walks: (() => void)[] = []
    const ruleSockets = () => new Promise<void>((resolve) => walks.push(resolve))
    const decide = decideBy({ testRun: run(DECIDED.LATER), ruleSockets }, logTo([]))
    expect([decide(new Uint8Array(0)), decide(new Uint8Array(0))]).toEqual([true, true])
    await turn()
    expect(walks.length).toBe(1)
    expect([decide(new Uint8Array(0)), decide(new Uint8Array(0))]).toEqual([true, true])
    await turn()
    expect(walks.length).toBe(1)
    walks[0]?.()
    await turn()
    expect(walks.length).toBe(2)
    walks[1]?.()
    await turn()
    expect(walks.length).toBe(2)
    decide(new Uint8Array(0))
    await turn()
    expect(walks.length).toBe(3)
  })

  it.each([
    [DECIDED.NOT, false],
    [DECIDED.NOW, true],
  ])('answers what the kernel does: %i', (retval, done) => {
    const never = () => Promise.reject(new Error('nobody is to walk'))
    expect(decideBy({ testRun: run(retval), ruleSockets: never }, logTo([]))(new Uint8Array(0))).toBe(done)
  })

  it('says once that the kernel cannot walk over sockets', async () => {
    const lines: string[] = []
    const decide = decideBy({ testRun: run(DECIDED.LATER), ruleSockets: () => Promise.reject(new Error('ENOENT')) }, logTo(lines))
    expect(decide(new Uint8Array(0))).toBe(true)
    await turn()
    await turn()
    expect([decide(new Uint8Array(0)), decide(new Uint8Array(0))]).toEqual([false, false])
    expect(lines.filter((line) => line.includes('left alone'))).toHaveLength(1)
  })
})
