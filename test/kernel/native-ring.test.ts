// SPDX-License-Identifier: Apache-2.0
// The ring buffer: the small object's XDP program puts what it is run with into the ring, so the test makes the records.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { KernelHandle } from '../../native/addon.js'
import { COUNTER, FLOW, HEAD, RECORD, RECORD_TYPE, SAMPLE, STATE, TUPLE, VERDICT } from '../../src/gen/abi.js'
import { protocolByName } from '../../src/gen/protocols.js'
import { compileFixture, openFixture } from './fixtures/object.js'

const library = join(dirname(fileURLToPath(import.meta.url)), '../../build/Release/flowident.node')

interface Seen {
  type: number
  size: number
  bytes: Uint8Array
}

/** Records of a batch, copied out of the reused buffer. */
const read = (buffer: ArrayBuffer, length: number): Seen[] => {
  const data = new DataView(buffer)
  const all: Seen[] = []
  for (let at = 0; at < length; ) {
    const size = data.getUint32(at + HEAD.size, true)
    all.push({ type: data.getUint16(at + HEAD.type, true), size, bytes: new Uint8Array(buffer.slice(at, at + size)) })
    at += (size + 7) & ~7
  }
  return all
}

/** A record of `size` bytes. */
const record = (type: number, size: number, id = 0n): DataView => {
  const view = new DataView(new ArrayBuffer(size))
  view.setUint16(HEAD.type, type, true)
  view.setUint32(HEAD.size, size, true)
  if (size >= RECORD.sizeof) view.setBigUint64(RECORD.flow + FLOW.id, id, true)
  return view
}
const send = (kernel: KernelHandle, view: DataView, repeat = 1): void => {
  kernel.testRun('fi_xdp', new Uint8Array(view.buffer), { repeat })
}
const until = async (met: () => boolean): Promise<void> => {
  for (let i = 0; i < 400 && !met(); i++) await sleep(5)
  expect(met()).toBe(true)
}

/** Writes into a record that its flow speaks a protocol. */
const speaking = (protocol: string, view: DataView): DataView => {
  view.setUint8(RECORD.tuple + TUPLE.l4, 6)
  view.setUint16(RECORD.flow + FLOW.verdict + VERDICT.layer, protocolByName(protocol)!.id, true)
  view.setUint8(RECORD.flow + FLOW.verdict + VERDICT.depth, 1)
  view.setUint8(RECORD.flow + FLOW.state, STATE.WATCH)
  return view
}

/** A payload sample of a flow that is known to speak a protocol. */
const sample = (protocol: string, id: bigint, text: string, end = 0): DataView => {
  const payload = new TextEncoder().encode(text)
  const view = speaking(protocol, record(RECORD_TYPE.SAMPLE, SAMPLE.data + payload.length, id))
  view.setUint16(SAMPLE.len, payload.length, true)
  view.setUint8(SAMPLE.end, end)
  new Uint8Array(view.buffer).set(payload, SAMPLE.data)
  return view
}

describe('ring buffer', () => {
  test('every record arrives once, in order, in few calls and one buffer', async () => {
    const kernel = await openFixture({ ringBytes: 1 << 22 })
    const seen: bigint[] = []
    const buffers = new Set<ArrayBuffer>()
    let calls = 0
    for (let id = 1n; id <= 9000n; id++) send(kernel, record(RECORD_TYPE.VERDICT, RECORD.sizeof, id))
    kernel.startRing((buffer, bytes) => {
      calls++
      buffers.add(buffer)
      for (const { bytes: each } of read(buffer, bytes)) seen.push(new DataView(each.buffer).getBigUint64(RECORD.flow + FLOW.id, true))
    })
    expect((await kernel.maps()).find((map) => map.name === 'fi_ring')?.entries).toBeGreaterThanOrEqual(0)
    await until(() => seen.length >= 9000)
    expect(seen).toEqual(Array.from({ length: 9000 }, (_, i) => BigInt(i + 1)))
    expect(buffers.size).toBe(1)
    expect(calls).toBeGreaterThanOrEqual(3) // at most 4096 records each, or a buffer of 1 MiB
    expect(calls).toBeLessThan(20)
  })

  test('a full ring loses records, and counts each of them', async () => {
    const kernel = await openFixture({ ringBytes: 4096 })
    const got: Seen[] = []
    send(kernel, record(RECORD_TYPE.END, RECORD.sizeof), 100)
    kernel.startRing((buffer, bytes) => got.push(...read(buffer, bytes)))
    await until(() => got.length > 0)
    await sleep(20)
    const counters = kernel.counters()
    expect(counters[COUNTER.WIRE_RX]).toBe(100n)
    expect(got.length).toBeLessThan(100)
    expect(BigInt(got.length) + counters[COUNTER.RING_FULL]!).toBe(100n)
  })

  test('samples become labels, once; a record cut short or of a lying size is dropped', async () => {
    const kernel = await openFixture()
    const got: Seen[] = []
    kernel.startRing((buffer, bytes) => got.push(...read(buffer, bytes)))
    send(kernel, sample('http1', 77n, 'GET /a HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: t\r\n\r\n'))
    const lying = record(RECORD_TYPE.VERDICT, 64)
    lying.setUint32(HEAD.size, 65, true)
    send(kernel, lying)
    lying.setUint32(HEAD.size, 3, true)
    send(kernel, lying)
    send(kernel, speaking('http1', record(RECORD_TYPE.END, RECORD.sizeof, 77n)))
    await until(() => got.some((each) => each.type === RECORD_TYPE.END))
    expect(got.map((each) => each.type)).toEqual([RECORD_TYPE.LABELS, RECORD_TYPE.END])
    const labels = new DataView(got[0]!.bytes.buffer)
    expect(labels.getBigUint64(HEAD.sizeof, true)).toBe(77n)
    expect(Buffer.from(got[0]!.bytes).toString('latin1')).toContain('shop.example')
    expect(kernel.labelLosses()).toEqual({ flowsEvicted: 0n, bytesDropped: 0n, labelsDropped: 0n })
  })

  test('close from within a batch, and a second ring is refused', async () => {
    const kernel = await openFixture()
    let calls = 0
    kernel.startRing(() => {
      calls++
      kernel.close()
    })
    expect(() => kernel.startRing(() => {})).toThrow(expect.objectContaining({ code: 'EBUSY' }))
    send(kernel, record(RECORD_TYPE.VERDICT, RECORD.sizeof))
    await until(() => calls === 1)
    expect(() => kernel.counters()).toThrow(/it is closed/)
  })
})

describe('lifetime', () => {
  /** Runs a script with `kernel` open on the small object; how it ended, and what it wrote. */
  const child = (script: string): { status: number | null; stdout: string; stderr: string } => {
    using object = compileFixture()
    const head = `const addon = require(${JSON.stringify(library)}); const path = ${JSON.stringify(object.path)};`
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', head + script], {
      timeout: 15_000,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  test('the process ends by itself when nothing waits for records, and after close', () => {
    expect(child('addon.openKernel({ object: path }).then(() => console.log("open"))')).toMatchObject({ status: 0, stdout: 'open\n' })
    const closes = 'addon.openKernel({ object: path }).then((k) => { k.startRing(() => {}); setTimeout(() => k.close(), 50) })'
    expect(child(closes)).toMatchObject({ status: 0, stderr: '' })
  })

  test('a running ring keeps the process and its handle alive', () => {
    const script = `addon.openKernel({ object: path }).then((k) => {
      k.startRing(() => process.exit(3))
      const weak = new WeakRef(k), record = Buffer.alloc(64)
      record.writeUInt32LE(64, 4)
      setTimeout(() => { gc(); weak.deref().testRun('fi_xdp', record) }, 50)
    })`
    const { status, stderr } = child(script)
    expect(stderr).toBe('')
    expect(status).toBe(3)
  })

  test('an exception in the callback is an uncaught exception of the process', () => {
    const script = `process.on('uncaughtException', (e) => { console.log('caught ' + e.message); process.exit(4) })
    addon.openKernel({ object: path }).then((k) => {
      k.startRing(() => { throw new Error('from the batch') })
      const b = Buffer.alloc(64); b.writeUInt32LE(64, 4); k.testRun('fi_xdp', b)
    })`
    expect(child(script)).toMatchObject({ status: 4, stdout: 'caught from the batch\n' })
  })

  test('a worker that is terminated with a ring running leaves nothing that crashes', () => {
    const script = `const { Worker } = require('node:worker_threads')
    const body = 'const { parentPort, workerData } = require("node:worker_threads"); const addon = require(workerData.addon);' +
      'addon.openKernel({ object: workerData.path }).then((k) => { globalThis.k = k; k.startRing(() => {}); k.dumpFlows(); parentPort.postMessage(k.programs().length) })'
    const one = () => new Promise((done, failed) => {
      const worker = new Worker(body, { eval: true, workerData: { addon: ${JSON.stringify(library)}, path } })
      worker.on('message', () => worker.terminate().then(done)); worker.on('error', failed)
    })
    ;(async () => { for (let i = 0; i < 3; i++) await Promise.all([one(), one()]); console.log('done') })()`
    expect(child(script)).toMatchObject({ status: 0, stdout: 'done\n', stderr: '' })
  })
})
