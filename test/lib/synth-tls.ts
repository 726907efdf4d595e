// SPDX-License-Identifier: Apache-2.0
// TLS hellos and protected QUIC Initial packets, made by hand.
import { createCipheriv } from 'node:crypto'
import { initialKeys, type Keys } from '../../src/deep/quic-keys.js'

const u8 = (n: number): Buffer => Buffer.from([n])
const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
const u24 = (n: number): Buffer => Buffer.concat([u8(n >> 16), u16(n & 0xffff)])
const counted = (b: Buffer): Buffer => Buffer.concat([u16(b.length), b])
const extension = (type: number, body: Buffer): Buffer => Buffer.concat([u16(type), counted(body)])

export const tlsRecord = (type: number, body: Buffer): Buffer => Buffer.concat([u8(type), u16(0x0303), counted(body)])

/** A handshake message, without the record around it. */
export function clientHello(name: string, alpn: readonly string[]): Buffer {
  const extensions = [
    extension(0, counted(Buffer.concat([u8(0), counted(Buffer.from(name))]))),
    extension(10, counted(Buffer.concat([u16(29), u16(23)]))),
    extension(13, counted(Buffer.concat([u16(0x0403), u16(0x0804)]))),
    ...(alpn.length > 0 ? [extension(16, counted(Buffer.concat(alpn.map((p) => Buffer.concat([u8(p.length), Buffer.from(p)])))))] : []),
    extension(43, Buffer.concat([u8(4), u16(0x0304), u16(0x0303)])),
    extension(51, counted(Buffer.concat([u16(29), counted(Buffer.alloc(32, 9))]))),
  ]
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 0x5a),
    u8(32),
    Buffer.alloc(32, 0x33),
    counted(Buffer.concat([u16(0x1301), u16(0x1302), u16(0xc02f)])),
    u8(1),
    u8(0),
    counted(Buffer.concat(extensions)),
  ])
  return Buffer.concat([u8(1), u24(body.length), body])
}

export function serverHello(): Buffer {
  const extensions = [extension(43, u16(0x0304)), extension(51, Buffer.concat([u16(29), counted(Buffer.alloc(32, 8))]))]
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 0xa5),
    u8(32),
    Buffer.alloc(32, 0x33),
    u16(0x1301),
    u8(0),
    counted(Buffer.concat(extensions)),
  ])
  return Buffer.concat([u8(2), u24(body.length), body])
}

/** Protects an Initial packet: what only a client does, so the program itself cannot. */
export function seal(keys: Keys, header: Buffer, payload: Buffer): Buffer {
  const length = (header[0]! & 3) + 1
  const at = header.length - length
  const nonce = Buffer.from(keys.iv)
  for (let i = 0; i < length; i++) nonce[12 - length + i]! ^= header[at + i]!
  const gcm = createCipheriv('aes-128-gcm', keys.key, nonce)
  gcm.setAAD(header)
  const out = Buffer.concat([header, gcm.update(payload), gcm.final(), gcm.getAuthTag()])
  const mask = createCipheriv('aes-128-ecb', keys.hp, null)
    .setAutoPadding(false)
    .update(out.subarray(at + 4, at + 20))
  out[0]! ^= mask[0]! & 0x0f
  for (let i = 0; i < length; i++) out[at + i]! ^= mask[1 + i]!
  return out
}

/** A ClientHello in two version 1 Initial packets of 1200 bytes, cut in the middle, second half first. */
export function quicInitial(hello: Buffer, id = Buffer.from('00c0ffee00c0ffee', 'hex')): Buffer[] {
  const keys = initialKeys(1, id)
  if (!keys) throw new Error('version 1 has keys')
  const middle = hello.length >> 1
  return [
    [middle, hello.length],
    [0, middle],
  ].map(([from = 0, to = 0], number) => {
    const crypto = Buffer.concat([u8(6), u16(0x4000 | from), u16(0x4000 | (to - from)), hello.subarray(from, to)])
    const payload = Buffer.concat([crypto, Buffer.alloc(1162 - crypto.length)])
    const header = Buffer.concat([
      Buffer.from('c300000001', 'hex'),
      u8(id.length),
      id,
      u8(0),
      u8(0),
      u16(0x4000 | (payload.length + 20)),
      Buffer.from([0, 0, 0, number]),
    ])
    return seal(keys, header, payload)
  })
}
