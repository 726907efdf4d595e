// SPDX-License-Identifier: Apache-2.0
import { performance } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import { addressBytes } from '../../src/flows/address.js'
import { RECORD, TYPE } from '../../src/flows/layout.js'
import { RecordView } from '../../src/flows/record-view.js'
import { Refresher } from '../../src/flows/refresh.js'
import { packLabels } from '../../src/flows/packed-labels.js'
import { FlowTable } from '../../src/flows/table.js'
import { join, record, viewOfRecord } from './support/records.js'

const idle = { tcp: 3600, udp: 120, other: 60 }
const make = (flows = 100, history = 10) => new FlowTable({ flows, history, labelBytes: 10_000, idle })
const end = (address: string, port: number) => ({ bytes: addressBytes(address)!, port })
const slots = (table: FlowTable) => Array.from({ length: table.end }, (_, i) => i).filter((slot) => table.present(slot))

describe('flow table', () => {
  it('finds a flow by id, by tuple in both directions, and by either port', () => {
    const table = make()
    const slot = table.put(viewOfRecord({ id: 0x1_0000_0005n }))
    expect(table.find(1, 5)).toBe(slot)
    expect(table.find(0, 5)).toBe(-1)
    expect(table.byTuple(6, end('10.0.0.1', 443), end('10.0.0.2', 50000), 9)).toEqual([slot])
    expect(table.byTuple(6, end('10.0.0.2', 50000), end('10.0.0.1', 443), 9)).toEqual([slot])
    expect(table.byTuple(17, end('10.0.0.1', 443), end('10.0.0.2', 50000), 9)).toEqual([])
    expect(table.byTuple(6, end('10.0.0.1', 50000), end('10.0.0.2', 443), 9)).toEqual([])
    expect([...table.byPort(443)]).toEqual([slot])
    expect([...table.byPort(50000)]).toEqual([slot])
    expect([...table.byPort(80)]).toEqual([])
  })
  it('lists a flow with the same port at both ends once', () => {
    const table = make()
    const slot = table.put(viewOfRecord({ localPort: 123, remotePort: 123 }))
    expect([...table.byPort(123)]).toEqual([slot])
  })
  it('keeps a flow that ended, forgets the oldest, and tells both in its counters', () => {
    const table = make(100, 2)
    const told: string[] = []
    table.onChange((kind, slot) => told.push(`${kind} ${slot}`))
    for (const id of [1n, 2n, 3n]) table.put(viewOfRecord({ id, type: TYPE.end, state: 3, flags: 11 }))
    expect(table.ended).toBe(2)
    expect(table.live).toBe(0)
    expect(table.find(0, 1)).toBe(-1)
    expect(table.find(0, 3)).toBeGreaterThanOrEqual(0)
    expect(table.losses.forgotten).toBe(1)
    expect(told).toHaveLength(3)
  })
  it('refuses live flows beyond its limit and counts them', () => {
    const table = make(2, 1)
    for (const id of [1n, 2n, 3n]) table.put(viewOfRecord({ id }))
    expect(table.live).toBe(2)
    expect(table.losses.full).toBe(1)
  })
  it('is not taken back by a dump that is older than the end', () => {
    const table = make()
    table.put(viewOfRecord({ type: TYPE.end, state: 3, flags: 11, now: 2000, last: 1900 }))
    table.put(viewOfRecord({ type: TYPE.flow, now: 1500, last: 1400 }))
    expect(table.live).toBe(0)
    table.put(viewOfRecord({ type: TYPE.flow, now: 2500, last: 1900 }))
    expect(table.live).toBe(0)
    table.put(viewOfRecord({ type: TYPE.flow, now: 3000, last: 2900 }))
    expect(table.live).toBe(1)
    expect(table.ended).toBe(0)
  })
  it('keeps the newer of two states of a live flow', () => {
    const table = make()
    const slot = table.put(viewOfRecord({ now: 2000, layers: ['tls'] }))
    table.put(viewOfRecord({ now: 1000 }))
    expect(table.view(slot, new RecordView()).depth).toBe(1)
  })
  it('ends what a dump no longer has, drops what never carried payload, and idle flows', () => {
    const table = make()
    table.put(viewOfRecord({ id: 1n }))
    table.put(viewOfRecord({ id: 2n, payload: [0, 0] }))
    table.put(viewOfRecord({ id: 3n, l4: 17, last: 5 }))
    table.beginDump()
    table.put(viewOfRecord({ id: 3n, l4: 17, now: 200e9, last: 5 }))
    expect(table.sweep(0, 100)).toBe(-1)
    expect([table.live, table.ended]).toEqual([1, 1]) // the end of the first may be on its way
    table.beginDump()
    expect(table.sweep(0, 100)).toBe(-1)
    expect([table.live, table.ended]).toEqual([0, 2])
    expect(table.losses.vanished).toBe(2)
    // An idle flow stays in the kernel's table for a while: it must not come back with each dump.
    table.beginDump()
    table.put(viewOfRecord({ id: 3n, l4: 17, now: 201e9, last: 5 }))
    expect(table.live).toBe(0)
  })
  it('takes an end that comes after a dump without the flow, with its counts', () => {
    const table = make()
    const slot = table.put(viewOfRecord({ id: 1n, bytes: [1n, 2n] }))
    table.beginDump()
    table.sweep(0, 100)
    table.put(viewOfRecord({ id: 1n, type: TYPE.end, bytes: [100n, 200n] }))
    expect(table.ended).toBe(1)
    expect(table.view(slot, new RecordView()).bytes(0)).toBe(100)
    expect(table.losses.vanished).toBe(0)
  })
  it('gives a number that was used before to its new flow', () => {
    const table = make()
    table.put(viewOfRecord({ id: 9n }))
    table.put(viewOfRecord({ id: 9n, remotePort: 50001 }))
    expect(slots(table)).toHaveLength(1)
    expect([...table.byPort(50000)]).toEqual([])
    expect([...table.byPort(50001)]).toHaveLength(1)
  })
  it('forgets a tag when owner or protocol change', () => {
    const table = make()
    const slot = table.put(viewOfRecord({ owner: { pid: 1 } }))
    table.setTag(slot, 5)
    table.put(viewOfRecord({ owner: { pid: 1 }, bytes: [1n, 2n] }))
    expect(table.tag(slot)).toBe(5)
    table.put(viewOfRecord({ owner: { pid: 2 } }))
    expect(table.tag(slot)).toBe(0)
  })
  it('joins labels that came before the flow, and keeps to its budget', () => {
    const table = make()
    table.putLabels(0, 4, packLabels(new Map([['tls.sni', 'a.example']])))
    const slot = table.put(viewOfRecord({ id: 4n }))
    expect(table.labels(slot)?.get('tls.sni')).toBe('a.example')
    table.putLabels(0, 4, packLabels(new Map([['http.host', 'x'.repeat(20_000)]])))
    expect(table.labels(slot)?.has('http.host')).toBe(false)
    expect(table.labelsRefused).toBe(1)
  })
  it('survives churn with every index in step', () => {
    const table = make(50, 20)
    let seed = 1
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return (seed >>> 8) % n
    }
    for (let i = 1; i < 20_000; i++) {
      const over = random(3) === 0
      table.put(
        viewOfRecord({
          id: BigInt(random(120)),
          remotePort: 1000 + random(40),
          now: i * 1000,
          last: i * 1000,
          type: over ? TYPE.end : TYPE.flow,
          state: over ? 3 : 1,
        }),
      )
    }
    expect(table.live).toBeLessThanOrEqual(50)
    expect(table.ended).toBeLessThanOrEqual(20)
    const view = new RecordView()
    const present = slots(table)
    expect(present).toHaveLength(table.live + table.ended)
    for (const slot of present) {
      table.view(slot, view)
      expect(table.find(view.idHigh, view.idLow)).toBe(slot)
      expect([...table.byPort(view.port(1))]).toContain(slot)
      expect(table.byTuple(6, end('10.0.0.1', 443), end('10.0.0.2', view.port(1)), 1000)).toContain(slot)
    }
    expect([...table.byPort(443)]).toHaveLength(present.length)
  })
})

describe('refresh', () => {
  it('takes in 100,000 flows without holding up the event loop for more than 20 ms', async () => {
    const table = new FlowTable({ flows: 131_072, history: 1000, labelBytes: 1e6, idle })
    const one = record({ owner: { pid: 1 } })
    const all = new Uint8Array(100_000 * one.length)
    const data = new DataView(all.buffer)
    for (let i = 0; i < 100_000; i++) {
      all.set(one, i * one.length)
      data.setBigUint64(i * one.length + RECORD.id, BigInt(i + 1), true)
      data.setUint16(i * one.length + RECORD.port[1], 1024 + (i % 60_000))
      data.setUint8(i * one.length + RECORD.addr[1] + 15, 2 + i / 60_000)
    }
    const refresher = new Refresher({ dumpFlows: async () => all.buffer }, table, { minimumMs: 1000, now: () => performance.now() })
    await refresher.fresh() // warm: the compiler's work is not what is measured
    // Other work on this machine can hold up a run: the best of a few is what our own code needs.
    let best = Infinity
    for (let run = 0; run < 4 && best >= 20; run++) {
      let longest = 0
      let last = performance.now()
      let on = true
      const tick = () => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
        if (on) setImmediate(tick)
      }
      tick()
      await new Refresher({ dumpFlows: async () => all.buffer }, table, { minimumMs: 0, now: () => performance.now() }).fresh()
      on = false
      best = Math.min(best, longest)
    }
    expect(table.live).toBe(100_000)
    expect(best).toBeLessThan(20)
    const start = performance.now()
    for (let i = 0; i < 1000; i++) expect(table.byTuple(6, end('10.0.0.1', 443), end('10.0.0.2', 1024 + i), 10).length).toBeGreaterThan(0)
    expect((performance.now() - start) / 1000).toBeLessThan(1)
  })
  it('does not ask again within the interval, shares a run, and survives a failure', async () => {
    let now = 0
    let dumps = 0
    let fail = false
    const dumpFlows = async () => {
      dumps++
      if (fail) throw new Error('EBADF')
      return join(record())
    }
    const table = make()
    const refresher = new Refresher({ dumpFlows }, table, { minimumMs: 1000, now: () => now })
    await Promise.all([refresher.fresh(), refresher.fresh()])
    await refresher.fresh()
    expect(dumps).toBe(1)
    now = 1500
    fail = true
    await refresher.fresh()
    expect(refresher.state).toMatchObject({ failures: 1, lastError: 'EBADF' })
    expect(table.live).toBe(1)
  })
})
