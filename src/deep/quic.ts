// SPDX-License-Identifier: Apache-2.0
// The user-space half of QUIC: decrypts the client's Initial packets, puts its CRYPTO stream together and has the TLS label
// function read the ClientHello in it: server name and ALPN. Input is hostile: all work and memory is bounded per flow and in sum.
import { initialKeys, type Keys, open, quicVersion } from './quic-keys.js'

/** Bytes of CRYPTO stream that are kept: a ClientHello with post-quantum shares and a long certificate list fits. */
const STREAM_LIMIT = 16384
/** Trial decryptions per flow: a hello takes two packets, twice that many with Retry or a version change. */
const TRIES = 24
const KEYS = 4
const RANGES = 64

/** Reads labels out of TLS records; the addon's `labels` for protocol tls. */
export type ReadTls = (records: Uint8Array, last: boolean) => { readonly complete: boolean; readonly labels: ReadonlyMap<string, string> }

interface LongHeader {
  readonly version: number
  readonly destination: Uint8Array
  readonly source: Uint8Array
  /** Where the packet number begins, from the packet's first byte. */
  readonly number: number
  readonly end: number
  readonly kind: 'initial' | 'other'
}

class Cursor {
  readonly data: Uint8Array
  at: number
  /** A read went past the end: what came of it is worth nothing. */
  short = false

  constructor(data: Uint8Array, at = 0) {
    this.data = data
    this.at = at
  }
  u8(): number {
    const v = this.data[this.at++]
    if (v === undefined) this.short = true
    return v ?? 0
  }
  u32(): number {
    return ((this.u8() << 24) | (this.u8() << 16) | (this.u8() << 8) | this.u8()) >>> 0
  }
  /** Variable-length integer, RFC 9000 §16. */
  int(): number {
    const first = this.u8()
    let v = first & 0x3f
    for (let n = (1 << (first >> 6)) - 1; n > 0; n--) v = v * 256 + this.u8()
    return v
  }
  take(n: number): Uint8Array {
    if (n > this.data.length - this.at) this.short = true
    const part = this.data.subarray(this.at, this.at + n)
    this.at += n
    return part
  }
}

/** Header of one packet of a datagram (RFC 9000 §17.2); undefined: a short header, or nothing that can be read. */
const readHeader = (datagram: Uint8Array): LongHeader | undefined => {
  const c = new Cursor(datagram)
  const first = c.u8()
  const version = c.u32()
  const known = quicVersion(version)
  if ((first & 0xc0) !== 0xc0 || !known) return undefined
  const destinationLength = c.u8()
  const destination = c.take(destinationLength)
  const source = c.take(c.u8())
  const type = (first >> 4) & 3
  if (destinationLength > 20 || source.length > 20 || type === known.retry) return undefined
  if (type === known.initial) c.take(c.int())
  const length = c.int()
  if (c.short || length > datagram.length - c.at) return undefined
  return { version, destination, source, number: c.at, end: c.at + length, kind: type === known.initial ? 'initial' : 'other' }
}

interface Chunk {
  readonly offset: number
  readonly data: Uint8Array
}

/** CRYPTO frames of a decrypted Initial packet, in any order and mixed with the other frames allowed there. */
const cryptoFrames = (payload: Uint8Array): Chunk[] => {
  const c = new Cursor(payload)
  const chunks: Chunk[] = []
  while (c.at < payload.length && !c.short && chunks.length < RANGES) {
    const type = c.int()
    if (type === 0 || type === 1) continue // PADDING, PING
    if (type === 2 || type === 3) {
      c.int()
      c.int()
      let ranges = c.int()
      c.int()
      for (; ranges > 0 && !c.short; ranges--) {
        c.int()
        c.int()
      }
      for (let i = 0; type === 3 && i < 3; i++) c.int()
    } else if (type === 6) {
      const offset = c.int()
      const data = c.take(c.int())
      if (!c.short) chunks.push({ offset, data })
    } else break
  }
  return chunks
}

/** A byte stream that is filled in any order. */
class Stream {
  #data = new Uint8Array(2048)
  #ranges: [number, number][] = []

  put({ offset, data }: Chunk): void {
    const end = offset + data.length
    if (end > STREAM_LIMIT || data.length === 0 || this.#ranges.length >= RANGES) return
    if (end > this.#data.length) {
      const grown = new Uint8Array(Math.min(STREAM_LIMIT, Math.max(end, this.#data.length * 2)))
      grown.set(this.#data)
      this.#data = grown
    }
    this.#data.set(data, offset)
    const merged: [number, number][] = []
    let lo = offset
    let hi = end
    for (const [a, b] of this.#ranges)
      if (b < lo || a > hi) merged.push([a, b])
      else [lo, hi] = [Math.min(lo, a), Math.max(hi, b)]
    merged.push([lo, hi])
    this.#ranges = merged
  }
  /** What is there from the start without a hole. */
  head(): Uint8Array {
    return this.#data.subarray(0, this.#ranges.find(([a]) => a === 0)?.[1] ?? 0)
  }
}

/** The handshake bytes as TLS records, the form that the label function knows. */
const asRecords = (handshake: Uint8Array): Uint8Array => {
  const most = 16384
  const parts: Uint8Array[] = []
  for (let at = 0; at < handshake.length; at += most) {
    const part = handshake.subarray(at, at + most)
    parts.push(Uint8Array.of(22, 3, 1, part.length >> 8, part.length & 255), part)
  }
  return Buffer.concat(parts)
}

interface FlowState {
  readonly keys: Map<string, Keys>
  stream: Stream
  version: number
  tries: number
  done: boolean
}

export class QuicInitials {
  readonly #readTls: ReadTls
  readonly #limit: number
  readonly #flows = new Map<bigint, FlowState>()

  constructor(readTls: ReadTls, limit = 1024) {
    this.#readTls = readTls
    this.#limit = limit
  }

  get size(): number {
    return this.#flows.size
  }

  /** One datagram of either end. Labels when the ClientHello is complete, once; undefined until then. */
  add(flow: bigint, datagram: Uint8Array): ReadonlyMap<string, string> | undefined {
    const state = this.#state(flow)
    for (let rest = datagram; rest.length > 0 && !state.done && state.tries < TRIES; ) {
      const header = readHeader(rest)
      if (!header) break
      if (header.kind === 'initial') this.#initial(state, header, rest.subarray(0, header.end))
      rest = rest.subarray(header.end) // packets may share a datagram
    }
    const labels = this.#labels(state, false)
    if (labels) this.#flows.set(flow, { ...state, keys: new Map(), stream: new Stream(), done: true })
    return labels
  }

  /** The flow ended: labels of an incomplete ClientHello, if it has some. */
  end(flow: bigint): ReadonlyMap<string, string> | undefined {
    const state = this.#flows.get(flow)
    this.#flows.delete(flow)
    return state && this.#labels(state, true)
  }

  #state(flow: bigint): FlowState {
    let state = this.#flows.get(flow)
    if (state) return state
    const oldest = this.#flows.size >= this.#limit ? this.#flows.keys().next().value : undefined
    if (oldest !== undefined) this.#flows.delete(oldest)
    state = { keys: new Map(), stream: new Stream(), version: 0, tries: 0, done: false }
    this.#flows.set(flow, state)
    return state
  }

  /** The client may have gone on with another connection id: keys that fitted before are tried first. */
  #initial(state: FlowState, header: LongHeader, packet: Uint8Array): void {
    if (header.version !== state.version) {
      state.version = header.version
      state.keys.clear()
      state.stream = new Stream()
    }
    const id = Buffer.from(header.destination).toString('hex')
    const own = state.keys.has(id) ? undefined : initialKeys(header.version, header.destination)
    for (const keys of own ? [...state.keys.values(), own] : state.keys.values()) {
      if (state.tries++ >= TRIES) return
      const payload = open(keys, packet, header.number)
      if (!payload) continue
      if (keys === own && state.keys.size < KEYS) state.keys.set(id, own)
      for (const chunk of cryptoFrames(payload)) state.stream.put(chunk)
      return
    }
  }

  #labels(state: FlowState, last: boolean): ReadonlyMap<string, string> | undefined {
    const head = state.done ? undefined : state.stream.head()
    if (!head || head.length < 4 || head[0] !== 1) return undefined
    const length = 4 + ((head[1]! << 16) | (head[2]! << 8) | head[3]!)
    if (head.length < length && !last) return undefined
    const { labels } = this.#readTls(asRecords(head.subarray(0, length)), true)
    return labels.size > 0 || !last ? labels : undefined
  }
}
