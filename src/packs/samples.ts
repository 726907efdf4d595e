// SPDX-License-Identifier: Apache-2.0
// First bytes of the built-in protocols, from test/vectors: what a pack must not claim. tools/make-samples.ts writes the file,
// native/packs.cc reads it.
import { readFileSync } from 'node:fs'
import { assetPath } from '../kernel/assets.js'

export const SAMPLES = 'signature-samples.bin'

export interface Sample {
  readonly protocol: number
  readonly l4: number
  /** enum fi_who */
  readonly from: number
  readonly bytes: Uint8Array
}

/** Each sample: protocol, length (16 bits each, little endian), transport, sender, bytes. */
export const writeSamples = (samples: readonly Sample[]): Uint8Array =>
  Buffer.concat(
    samples.flatMap(({ protocol, l4, from, bytes }) => {
      const head = Buffer.alloc(6)
      head.writeUInt16LE(protocol, 0)
      head.writeUInt16LE(bytes.length, 2)
      head.writeUInt8(l4, 4)
      head.writeUInt8(from, 5)
      return [head, bytes]
    }),
  )

export const readSamples = (): Uint8Array => readFileSync(assetPath(SAMPLES, 'Make it anew: make gen'))
