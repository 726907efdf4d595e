// SPDX-License-Identifier: Apache-2.0
// Makes the fuzzers' first inputs from the recordings and the vectors: the formats are told at the top of each target.
// usage: seeds.ts DIRECTORY
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PROTOCOLS, protocolByName } from '../../src/gen/protocols.js'
import { readPcap } from '../lib/pcap.js'
import { talksOf } from '../lib/streams.js'
import { readVectors } from '../lib/vectors.js'

const out = process.argv[2]
if (out === undefined) throw new Error('usage: seeds.ts DIRECTORY')
const recordings = fileURLToPath(new URL('../pcap', import.meta.url))
const LINKS = [1, 0, 9, 12, 14, 50, 51, 101, 105, 108, 113, 127, 192, 228, 229, 276]

const u16 = (n: number): Buffer => Buffer.from([n >> 8, n & 255])
let count = 0
const write = (target: string, ...parts: Buffer[]): void => writeFileSync(join(out, target, String(count++)), Buffer.concat(parts))
for (const target of ['packets', 'stream', 'signatures', 'labels', 'capture']) mkdirSync(join(out, target), { recursive: true })

for (const name of readdirSync(recordings).filter((f) => /\.pcap(\.gz)?$/.test(f))) {
  const frames = readPcap(join(recordings, name))
  const link = LINKS.indexOf(frames[0]?.link ?? 1)
  for (let i = 0; i < Math.min(frames.length, 120); i += 12)
    write('packets', Buffer.from([link]), ...frames.slice(i, i + 12).flatMap((f) => [Buffer.from([0]), u16(f.data.length), f.data]))
  for (const [i, talk] of talksOf(frames)
    .filter((t) => t.transport === 'tcp' && t.turns.length > 0)
    .slice(0, 12)
    .entries()) {
    const bytes = (fromClient: boolean): Buffer =>
      Buffer.concat(talk.turns.filter((t) => t.fromClient === fromClient).map((t) => t.data)).subarray(0, 512)
    const client = bytes(true)
    for (const flags of [1, 9, 23])
      write('stream', Buffer.from([flags, 1, 2, 3, i]), u16(talk.server.port), u16(client.length), client, bytes(false))
  }
}
for (const name of readdirSync(recordings).filter((f) => /\.pcap(ng)?$/.test(f))) {
  const file = readFileSync(join(recordings, name)).subarray(0, 3000)
  write('capture', Buffer.from([0, 0, 0, 7]), file)
}
const labelled = PROTOCOLS.filter((p) => p.labels)
  .map((p) => p.id)
  .sort((a, b) => a - b)
for (const v of readVectors()) {
  const ports = Buffer.concat([u16(v.sport ?? 40000), u16(v.dport ?? 41000)])
  write('signatures', Buffer.from([v.l4 === 17 ? 1 : 2, 0]), ports, u16(v.bytes.length >> 1), v.bytes)
  for (const flags of [4, 5]) {
    const index = labelled.indexOf(protocolByName(v.protocol)?.id ?? 0)
    if (index >= 0) write('labels', Buffer.from([index, flags | (v.l4 === 17 ? 2 : 0)]), u16(v.bytes.length >> 1), v.bytes)
  }
}
writeFileSync(join(out, 'done'), `${count} inputs\n`)
