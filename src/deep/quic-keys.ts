// SPDX-License-Identifier: Apache-2.0
// Keys of QUIC Initial packets. They follow from the connection id that the client chose, for anyone who sees it
// (RFC 9001 §5.2): Initial packets are obscured, not secret.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'

interface Version {
  readonly salt: Buffer
  /** Type bits of a long header that mean Initial. */
  readonly initial: number
  readonly retry: number
  /** Word in the labels of packet keys. */
  readonly word: 'quic' | 'quicv2'
}

const version = (salt: string, v2 = false): Version => ({
  salt: Buffer.from(salt, 'hex'),
  initial: v2 ? 1 : 0,
  retry: v2 ? 0 : 3,
  word: v2 ? 'quicv2' : 'quic',
})

const V1 = version('38762cf7f55934b34d179ae6a4c80cadccbb7f0a') // RFC 9001 §5.2
const V2 = version('0dede3def700a6db819381be6e269dcbf9bd2ed9', true) // RFC 9369 §3.3.1
const DRAFT_29 = version('afbfec289993d24c9e9786f19c6111e04390a899') // drafts 29 to 32
const DRAFT_23 = version('c3eef712c72ebb5a11a7d2432bb46365bef9f502') // drafts 23 to 28
const DRAFT_21 = version('7fbcdb0e7c66bbe9193a96cd21519ebd7a02644a') // drafts 21 and 22

/** What is known of a version number; undefined when its packets cannot be read. */
export const quicVersion = (number: number): Version | undefined => {
  if (number === 1) return V1
  if (number === 0x6b3343cf) return V2
  if (number >>> 8 === 0xff0000) {
    const draft = number & 0xff
    if (draft >= 33 && draft <= 34) return V1
    if (draft >= 29 && draft <= 32) return DRAFT_29
    if (draft >= 23 && draft <= 28) return DRAFT_23
    if (draft === 21 || draft === 22) return DRAFT_21
  }
  if (number === 0xfaceb001) return DRAFT_21 // mvfst, by the draft it was made from
  if (number === 0xfaceb002 || number === 0xfaceb00e) return DRAFT_23
  return undefined
}

export interface Keys {
  readonly key: Buffer
  readonly iv: Buffer
  readonly hp: Buffer
}

const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest()

/** HKDF-Expand-Label (RFC 8446 §7.1) for outputs of one hash block at most. */
const expand = (secret: Uint8Array, label: string, length: number): Buffer => {
  const name = Buffer.from(`tls13 ${label}`, 'latin1')
  return hmac(secret, Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])])).subarray(0, length)
}

/** Keys of what the client (or the server) sends, from the client's first destination connection id. */
export const initialKeys = (number: number, connection: Uint8Array, from: 'client' | 'server' = 'client'): Keys | undefined => {
  const v = quicVersion(number)
  if (!v) return undefined
  const secret = expand(hmac(v.salt, connection), `${from} in`, 32)
  return { key: expand(secret, `${v.word} key`, 16), iv: expand(secret, `${v.word} iv`, 12), hp: expand(secret, `${v.word} hp`, 16) }
}

/** Takes header and packet protection off (RFC 9001 §5.3, §5.4). `packet` runs from its first byte to its end, `at` is where the
 *  packet number begins. Undefined: the keys are not those of this packet, or it is damaged. */
export const open = (keys: Keys, packet: Uint8Array, at: number): Buffer | undefined => {
  if (packet.length < at + 20) return undefined
  const ecb = createCipheriv('aes-128-ecb', keys.hp, null).setAutoPadding(false)
  const mask = ecb.update(packet.subarray(at + 4, at + 20))
  const first = packet[0]! ^ (mask[0]! & 0x0f)
  const length = (first & 3) + 1
  const header = Buffer.from(packet.subarray(0, at + length))
  const nonce = Buffer.from(keys.iv)
  header[0] = first
  for (let i = 0; i < length; i++) {
    header[at + i]! ^= mask[1 + i]!
    nonce[12 - length + i]! ^= header[at + i]!
  }
  const gcm = createDecipheriv('aes-128-gcm', keys.key, nonce)
  gcm.setAAD(header)
  gcm.setAuthTag(packet.subarray(packet.length - 16))
  try {
    return Buffer.concat([gcm.update(packet.subarray(at + length, packet.length - 16)), gcm.final()])
  } catch {
    return undefined // the tag does not fit
  }
}
