// SPDX-License-Identifier: Apache-2.0
// QUIC Initial packets: the sample packets of RFC 9001 appendix A and RFC 9369 appendix A, then every way of cutting a
// ClientHello up that clients use, then damage.
import { describe, expect, it } from 'vitest'
import { QuicInitials } from '../../src/deep/quic.js'
import { initialKeys, open } from '../../src/deep/quic-keys.js'
import { seal } from '../lib/synth-tls.js'

const hex = (s: string): Buffer => Buffer.from(s.replaceAll(/\s/g, ''), 'hex')
const DCID = hex('8394c8f03e515708')
/** The CRYPTO frame of RFC 9001 A.2: a ClientHello for example.com. */
const CRYPTO = hex(`060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868
  04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
  616d706c652e636f6dff01000100000a00080006001d00170018001000070005
  04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
  baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400
  0d0010000e0403050306030203080408050806002d00020101001c0002400100
  3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000
  75300901100f088394c8f03e51570806048000ffff`)
const HELLO = CRYPTO.subarray(4)

const initial = (frames: Buffer, o: { version?: number; dcid?: Buffer; keyed?: Buffer; number?: number; pad?: number } = {}): Buffer => {
  const { version = 1, dcid = DCID, keyed = dcid, number = 0, pad = 1162 } = o
  const payload = Buffer.concat([frames, Buffer.alloc(Math.max(0, pad - frames.length))])
  const head = Buffer.alloc(5)
  head[0] = version === 0x6b3343cf ? 0xd3 : 0xc3
  head.writeUInt32BE(version, 1)
  const length = payload.length + 4 + 16
  const tail = Buffer.alloc(6)
  tail.writeUInt16BE(0x4000 | length, 0)
  tail.writeUInt32BE(number, 2)
  const header = Buffer.concat([head, Buffer.from([dcid.length]), dcid, Buffer.from([0, 0]), tail])
  return seal(initialKeys(version, keyed)!, header, payload)
}

const crypto = (from: number, to: number): Buffer => {
  const b = Buffer.alloc(5)
  b[0] = 6
  b.writeUInt16BE(0x4000 | from, 1)
  b.writeUInt16BE(0x4000 | (to - from), 3)
  return Buffer.concat([b, HELLO.subarray(from, to)])
}

/** Stands at the end of the pipe: says which handshake bytes arrived. */
const collector = (): { quic: QuicInitials; records: Buffer[] } => {
  const records: Buffer[] = []
  const quic = new QuicInitials((bytes) => {
    records.push(Buffer.from(bytes))
    return { complete: true, labels: new Map([['tls.sni', 'seen']]) }
  })
  return { quic, records }
}
const whole = Buffer.concat([hex('16030100f1'), HELLO])

describe('keys of RFC 9001 A.1 and RFC 9369 A.1', () => {
  it('client, version 1', () => {
    const k = initialKeys(1, DCID)!
    expect(k.key.toString('hex')).toBe('1f369613dd76d5467730efcbe3b1a22d')
    expect(k.iv.toString('hex')).toBe('fa044b2f42a3fd3b46fb255c')
    expect(k.hp.toString('hex')).toBe('9f50449e04a0e810283a1e9933adedd2')
  })
  it('server, version 1', () => {
    const k = initialKeys(1, DCID, 'server')!
    expect(k.key.toString('hex')).toBe('cf3a5331653c364c88f0f379b6067e37')
    expect(k.iv.toString('hex')).toBe('0ac1493ca1905853b0bba03e')
    expect(k.hp.toString('hex')).toBe('c206b8d9b9f0f37644430b490eeaa314')
  })
  it('client, version 2', () => {
    const k = initialKeys(0x6b3343cf, DCID)!
    expect(k.key.toString('hex')).toBe('8b1a0bc121284290a29e0971b5cd045d')
    expect(k.iv.toString('hex')).toBe('91f73e2351d8fa91660e909f')
    expect(k.hp.toString('hex')).toBe('45b95e15235d6f45a6b19cbcb0294ba9')
  })
  it('no keys for versions that are not known', () => {
    for (const v of [0, 0x51303436, 0xff000012, 0x0a0a0a0a]) expect(initialKeys(v, DCID)).toBeUndefined()
  })
})

describe('the client Initial of RFC 9001 A.2', () => {
  const packet = initial(CRYPTO, { number: 2 })
  it('is the packet printed there', () => {
    expect(packet.length).toBe(1200)
    expect(packet.subarray(0, 22).toString('hex')).toBe('c000000001088394c8f03e5157080000449e7b9aec34')
    expect(packet.subarray(-16).toString('hex')).toBe('e221af44860018ab0856972e194cd934')
  })
  it('opens', () => {
    expect(open(initialKeys(1, DCID)!, packet, 18)?.subarray(0, CRYPTO.length)).toEqual(CRYPTO)
  })
  it('gives its ClientHello as a TLS record', () => {
    const { quic, records } = collector()
    expect(quic.add(1n, packet)?.get('tls.sni')).toBe('seen')
    expect(records).toEqual([whole])
    expect(quic.add(1n, packet)).toBeUndefined() // once
  })
})

describe('a ClientHello in pieces', () => {
  const cases: Record<string, Buffer[]> = {
    'two datagrams': [initial(crypto(0, 100)), initial(crypto(100, 241), { number: 1 })],
    'two datagrams, the other way round': [initial(crypto(100, 241), { number: 1 }), initial(crypto(0, 100))],
    'many frames out of order in one packet': [
      initial(Buffer.concat([crypto(200, 241), Buffer.from([1, 0]), crypto(0, 50), crypto(120, 200), crypto(50, 120)])),
    ],
    'overlapping frames': [initial(Buffer.concat([crypto(0, 150), crypto(90, 241)]))],
    'two packets in one datagram': [
      Buffer.concat([initial(crypto(0, 80), { pad: 200 }), initial(crypto(80, 241), { pad: 300, number: 1 })]),
    ],
    'after an acknowledgement': [initial(Buffer.concat([hex('02 00 00 01 00 00 00'), hex('03 05 00 00 00 01 02 03'), CRYPTO]))],
    'version 2': [initial(CRYPTO, { version: 0x6b3343cf })],
    'draft 29': [initial(CRYPTO, { version: 0xff00001d })],
    'draft 27': [initial(CRYPTO, { version: 0xff00001b })],
    'after a version change': [initial(crypto(0, 60), { version: 0xff00001d }), initial(CRYPTO)],
    'the second packet to the id the server chose': [
      initial(crypto(0, 100)),
      initial(crypto(100, 241), { dcid: hex('c0ffee00c0ffee00'), keyed: DCID, number: 1 }),
    ],
    'again after Retry, with keys of the new id': [initial(crypto(0, 100)), initial(CRYPTO, { dcid: hex('aabbccdd'), number: 1 })],
  }
  for (const [name, datagrams] of Object.entries(cases))
    it(name, () => {
      const { quic, records } = collector()
      for (const d of datagrams) quic.add(7n, d)
      expect(records).toEqual([whole])
    })
  it('incomplete: what there is, at the end of the flow', () => {
    const { quic, records } = collector()
    quic.add(7n, initial(crypto(0, 100)))
    expect(records).toEqual([])
    expect(quic.end(7n)?.size).toBe(1)
    expect(records[0]!.subarray(5)).toEqual(HELLO.subarray(0, 100))
    expect(quic.size).toBe(0)
  })
})

describe('damage', () => {
  const packet = initial(CRYPTO)
  it('one bit anywhere: nothing, or the same hello', () => {
    for (let i = 0; i < packet.length; i += 7) {
      const { quic, records } = collector()
      const bad = Buffer.from(packet)
      bad[i]! ^= 1 << (i % 8)
      quic.add(1n, bad)
      quic.end(1n)
      expect(
        records.filter((r) => !r.equals(whole)),
        `byte ${i}`,
      ).toEqual([])
    }
  })
  it('cut anywhere: nothing', () => {
    for (let n = 0; n < packet.length; n += 11) {
      const { quic, records } = collector()
      quic.add(1n, packet.subarray(0, n))
      expect(records).toEqual([])
    }
  })
  it('a stream that claims to be huge, and flows without number, stay bounded', () => {
    const { quic, records } = collector()
    const far = Buffer.concat([hex('06 bfffffff 41f4'), Buffer.alloc(500)])
    for (let i = 0; i < 5000; i++) quic.add(BigInt(i), packet.subarray(0, 40))
    quic.add(9999n, initial(far))
    for (let i = 0; i < 100; i++) quic.add(9999n, initial(CRYPTO, { dcid: Buffer.from([i]), keyed: hex('ff') }))
    expect(quic.add(9999n, packet)).toBeUndefined() // tries used up
    expect(quic.size).toBeLessThanOrEqual(1024)
    expect(records).toEqual([])
  })
})
