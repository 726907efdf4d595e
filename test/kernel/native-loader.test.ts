// SPDX-License-Identifier: Apache-2.0
// The loader on a small object: what is left out, what fails, what the errors say, and the bulk reads of maps.
import { describe, expect, test } from 'vitest'
import type { NativeError } from '../../native/addon.js'
import { AGG, AGG_KEY, COUNTER, FLOW, RECORD, TUPLE } from '../../src/gen/abi.js'
import { addon, openFixture } from './fixtures/object.js'

const caught = async (promise: Promise<unknown>): Promise<NativeError> => {
  try {
    await promise
  } catch (error) {
    return error as NativeError
  }
  throw new Error('nothing was thrown')
}

/** A frame of 64 bytes whose bytes 14 to 17 hold a number. */
const frame = (number: number): Uint8Array => {
  const bytes = new Uint8Array(64)
  new DataView(bytes.buffer).setUint32(14, number, true)
  return bytes
}

describe('loading', () => {
  test('an optional program that the verifier refuses is left out, with its last useful line', async () => {
    const kernel = await openFixture()
    const refused = kernel.skipped.find((each) => each.program === 'fi_exec')
    expect(refused?.error).toContain('invalid bpf_context access off=320')
    expect(refused?.verifierLog).toContain(refused?.error)
    expect(kernel.skipped.find((each) => each.program === 'fi_missing')?.error).toBe(
      'this kernel has no tracepoint flowident_no_such_event',
    )
    expect(kernel.skipped).toHaveLength(2)
    expect(kernel.programs().map((each) => each.name)).toEqual([
      'fi_xdp',
      'fi_tc_ingress',
      'fi_tc_egress',
      'fi_filter',
      'fi_cgroup_egress',
      'fi_task_file',
      'fi_expire',
      'fi_state',
    ])
  })

  test('a required program that is refused fails the load, and the error says why', async () => {
    const error = await caught(openFixture({}, ['REJECT_REQUIRED']))
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ code: 'EACCES', op: 'load', object: 'fi_cgroup_ingress', errno: 13 })
    expect(error.message).toMatch(/^load fi_cgroup_ingress: EACCES, R\d offset is outside of the packet$/)
    expect(error.verifierLog).toContain('offset is outside of the packet')
    expect(error.verifierLog).not.toContain('libbpf:')
  })

  test('an object that is no object', async () => {
    expect(await caught(addon.openKernel({ object: '/etc/hostname' }))).toMatchObject({ op: 'open', object: '/etc/hostname' })
    expect(await caught(addon.openKernel({ object: '/nowhere.o' }))).toMatchObject({ code: 'ENOENT', op: 'open' })
  })

  test('sizes, constants and programs that are not wanted', async () => {
    const kernel = await openFixture({
      flows: 4000,
      ringBytes: 100_000,
      aggregates: 9,
      without: ['fi_filter'],
      constants: { fixture_mark: 0 },
    })
    const capacity = new Map((await kernel.maps()).map((map) => [map.name, map.capacity]))
    expect(capacity.get('fi_flows')).toBe(4000)
    expect(capacity.get('fi_ring')).toBe(131_072)
    expect(capacity.get('fi_agg_keys')).toBe(9)
    expect(capacity.get('fi_agg')).toBe(10)
    expect(kernel.programs().some((program) => program.name === 'fi_filter')).toBe(false)
    expect(kernel.testRun('fi_cgroup_egress', frame(1)).retval).toBe(0) // the constant is what it returns
    expect((await caught(openFixture({ constants: { no_such_constant: 1 } }))).op).toBe('set constant')
  })
})

describe('reading', () => {
  test('flows, aggregates and counters come out as they were put in', async () => {
    const kernel = await openFixture({ stats: true })
    for (let number = 1; number <= 8; number++) kernel.testRun('fi_tc_ingress', frame(number), { repeat: number })
    for (let number = 1000; number < 6000; number += 2) kernel.testRun('fi_tc_ingress', frame(number))
    const flows = new DataView(await kernel.dumpFlows())
    expect(flows.byteLength % RECORD.sizeof).toBe(0)
    const ids: number[] = []
    for (let at = 0; at < flows.byteLength; at += RECORD.sizeof) {
      const id = Number(flows.getBigUint64(at + RECORD.flow + FLOW.id, true))
      expect(flows.getUint16(at, true)).toBe(1)
      expect(flows.getUint32(at + RECORD.tuple + TUPLE.zone, true)).toBe(id)
      ids.push(id)
    }
    const even = [2, 4, 6, 8, ...Array.from({ length: 2500 }, (_, i) => 1000 + 2 * i)] // the odd ones have ended
    expect(ids.sort((a, b) => a - b)).toEqual(even)

    const kept = await openFixture()
    for (let number = 1; number <= 8; number++) kept.testRun('fi_tc_ingress', frame(number), { repeat: number })
    const sums = new DataView(await kept.aggregates())
    const entry = AGG_KEY.sizeof + AGG.sizeof
    const found = new Map<number, number>()
    for (let at = 0; at < sums.byteLength; at += entry)
      found.set(Number(sums.getBigUint64(at + AGG_KEY.cgroup, true)), Number(sums.getBigUint64(at + AGG_KEY.sizeof + AGG.rxBytes, true)))
    expect(found).toEqual(new Map([[0, 0], ...Array.from({ length: 8 }, (_, i) => [i + 1, 64 * (i + 1)] as const)]))

    kept.testRun('fi_tc_egress', frame(0), { repeat: 5 })
    const counters = kept.counters()
    expect(counters).toHaveLength(COUNTER.MAX)
    expect(counters[COUNTER.WIRE_TX]).toBe(5n)
    const fill = (await kept.maps()).find((map) => map.name === 'fi_flows')
    expect(fill).toMatchObject({ entries: 8, capacity: 10_000 })
    expect(fill?.bytes).toBeGreaterThan(0)
  })

  test('expiry runs in the kernel and removes entries while it walks', async () => {
    const kernel = await openFixture()
    for (let number = 2; number <= 2000; number += 2) kernel.testRun('fi_tc_ingress', frame(number))
    await kernel.expire()
    expect(kernel.counters()[COUNTER.FLOW_END]).toBe(500n)
    const { byteLength } = await kernel.dumpFlows()
    expect(byteLength / RECORD.sizeof).toBe(500)
    const without = await openFixture({ without: ['fi_expire'] })
    expect(await caught(without.expire())).toMatchObject({ code: 'ENOENT', object: 'fi_expire' })
  })

  test('run time and verifier cost of programs', async () => {
    const kernel = await openFixture({ stats: true })
    const { data, retval, durationNs } = kernel.testRun('fi_tc_ingress', frame(3), { repeat: 1000 })
    expect(retval).toBe(0xffff_ffff)
    expect(durationNs).toBeGreaterThan(0)
    expect(data).toEqual(frame(3))
    const program = kernel.programs().find((each) => each.name === 'fi_tc_ingress')
    expect(program?.type).toBe('sched_cls')
    expect(program?.insns).toBeGreaterThan(20)
    expect(program?.verifiedInsns).toBeGreaterThan(20)
    expect(program?.memlock).toBeGreaterThan(0)
    expect(typeof program?.runNs).toBe('bigint')
  })

  test('a closed handle says so, and closing twice is allowed', async () => {
    const kernel = await openFixture()
    const reading = kernel.dumpFlows() // under way while it closes
    kernel.close()
    kernel.close()
    expect((await reading).byteLength).toBe(0)
    expect(() => kernel.counters()).toThrow(expect.objectContaining({ code: 'EBADF', object: 'kernel handle' }))
    expect(() => kernel.programs()).toThrow(/it is closed/)
    expect(() => kernel.testRun('fi_xdp', frame(1))).toThrow(/it is closed/)
  })

  test('wrong arguments and wrong receivers are TypeErrors, not crashes', async () => {
    const kernel = await openFixture()
    const any = kernel as unknown as Record<string, (...args: unknown[]) => unknown>
    expect(() => any['testRun']!('fi_xdp', 'text')).toThrow(TypeError)
    expect(() => any['startRing']!(1)).toThrow(TypeError)
    expect(() => any['attachInterface']!(1, { xdp: 'fast', egress: 'off' })).toThrow(/xdp must be one of auto, native, generic, off/)
    expect(() => any['attachInterface']!(-1, {})).toThrow(TypeError)
    expect(() => any['counters']!.call({})).toThrow(TypeError)
    expect(() => any['counters']!.call(addon.createReplay({}))).toThrow(TypeError)
    expect(() => kernel.testRun('fi_nothing', frame(1))).toThrow(expect.objectContaining({ code: 'ENOENT', object: 'fi_nothing' }))
    expect(() => addon.openKernel({ flows: 0.5 })).toThrow(/flows must be a whole number/)
  })
})
