// SPDX-License-Identifier: Apache-2.0
// Rules with `flow`, judged by the whole daemon over recorded flows: which flows are given to which rule in the kernel.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../../src/cli/program.js'
import { RECORD, TYPE } from '../../src/flows/layout.js'
import { DECISION } from '../../src/gen/abi.js'
import { previewFlows } from '../lib/preview-flows.js'
import { until } from '../lib/process.js'
import { RecordedDaemon } from '../lib/recorded-daemon.js'
import { join } from './support/records.js'

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
  const tell = () =>
    daemon.kernel.ring(
      join(
        ...flows.live.map((each) => {
          const copy = new Uint8Array(each)
          new DataView(copy.buffer).setUint16(RECORD.type, TYPE.verdict, true)
          return copy
        }),
      ),
    )
  /** Ports of the clients whose flows were given to a rule, by the rule's index. */
  function given(): Record<number, number[]> {
    const found: Record<number, Set<number>> = {}
    for (const each of daemon.kernel.decisions) {
      const data = new DataView(each.buffer)
      const rule = data.getUint32(DECISION.rule, true)
      found[rule] ??= new Set()
      found[rule].add(data.getUint16(DECISION.tuple + RECORD.port[1] - RECORD.tuple))
    }
    return Object.fromEntries(Object.entries(found).map(([rule, ports]) => [rule, [...ports].sort()]))
  }
  /** Behind a rule that takes the flows told last: once they are given, so is all that will be. */
  async function judged(rules: string): Promise<Record<number, number[]>> {
    daemon.kernel.decisions.length = 0
    await apply(`rules:\n- { name: last, action: drop, match: { flow: "protocol:redis" } }\n${rules}`)
    tell()
    await until('the last flow to be given', () => given()[0]?.length === 5)
    const { 0: _, ...others } = given()
    return others
  }
  const ssh = '- { name: by-flow, action: drop, match: { flow: "protocol:ssh process:nginx" } }'

  it('gives the flows that match, each once more in another set', async () => {
    expect(await judged(ssh)).toEqual({ 1: SSH })
    expect(await judged(`- { name: other, action: drop, match: { destination: { ports: [1] } } }\n${ssh}`)).toEqual({ 2: SSH })
  })

  it.each([
    ['a direction', '{ direction: out, source: { ports: [443] } }', true],
    ['the other direction', '{ direction: in, source: { ports: [443] } }', false],
    ['an interface', '{ interface: eth0, destination: { ports: [443] } }', true],
    ['another interface', '{ interface: eth9, destination: { ports: [443] } }', false],
    ['an interface that is excluded', '{ not: { interface: eth0 } }', false],
    ['a protocol', '{ protocol: ssh }', true],
    ['a protocol that it is not', '{ not: { protocol: ssh } }', false],
  ])('a rule in front that passes by %s', async (_what, match, passes) => {
    expect(await judged(`- { name: first, action: pass, match: ${match} }\n${ssh}`)).toEqual(passes ? {} : { 2: SSH })
  })

  it('a rule in front that has expired is none, and is none any more once it has', async () => {
    const soon = Date.now() + 1500
    expect(await judged(`- { name: first, action: pass, expires: "${new Date(soon).toISOString()}", match: {} }\n${ssh}`)).toEqual({})
    await until('the flows to be given', () => {
      tell()
      return given()[2]?.length === 2
    })
    expect([given()[2], Date.now() >= soon]).toEqual([SSH, true])
  })
})
