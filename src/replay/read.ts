// SPDX-License-Identifier: Apache-2.0
// The bytes of a capture file, unpacked when gzip packed them; `-` is standard input.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { FlowidentError } from '../errors.js'

const CHUNK = 1 << 20

/** Packings that are named, not read: the user learns what to run. */
const PACKED: readonly (readonly [name: string, magic: readonly number[], command: string])[] = [
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd], 'zstd -dc'],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a], 'xz -dc'],
  ['bzip2', [0x42, 0x5a, 0x68], 'bzip2 -dc'],
  ['lz4', [0x04, 0x22, 0x4d, 0x18], 'lz4 -dc'],
]

/** What `capture` says in the output. */
export const captureName = (path: string): string => (path === '-' ? 'stdin' : basename(path))

const unreadable = (path: string, thrown: unknown): FlowidentError => {
  const error = thrown as NodeJS.ErrnoException
  const why =
    error.code === 'ENOENT'
      ? 'there is no such file'
      : error.code === 'EACCES'
        ? 'this user may not read it'
        : (error.message ?? String(thrown))
  return new FlowidentError('capture-unreadable', `${path}: ${why}`, { cause: thrown })
}

async function open(path: string): Promise<Readable> {
  if (path === '-') return process.stdin
  try {
    if ((await stat(path)).isDirectory())
      throw new FlowidentError('capture-unreadable', `${path}: this is a directory`, { hint: `Give its files: ${path}/*.pcap` })
    return createReadStream(path, { highWaterMark: CHUNK })
  } catch (error) {
    throw error instanceof FlowidentError ? error : unreadable(path, error)
  }
}

/** At least the first six bytes, or all there are, joined so that a slow pipe cannot hide what kind of file it is. */
async function head(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let first = Buffer.alloc(0)
  while (first.length < 6) {
    const next = await chunks.next()
    if (next.done) break
    first = Buffer.concat([first, next.value])
  }
  return first
}

/** Chunks of the capture. `damaged` is told when the packed data ends early; what came before has been given out. */
export async function* captureChunks(path: string, damaged: (what: string) => void): AsyncGenerator<Uint8Array> {
  const source = await open(path)
  try {
    const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    const first = await head(chunks)
    const rest = async function* () {
      yield first
      for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
    }
    const packed = PACKED.find(([, magic]) => magic.every((byte, i) => first[i] === byte))
    if (packed)
      throw new FlowidentError('capture-unreadable', `${path}: this file is packed with ${packed[0]}`, {
        hint: `Unpack it on the way: ${packed[2]} ${path} | flowident replay -`,
      })
    if (first[0] === 0x1f && first[1] === 0x8b) yield* gunzip(rest(), damaged)
    else yield* rest()
  } catch (error) {
    throw error instanceof FlowidentError ? error : unreadable(path, error)
  } finally {
    source.destroy()
  }
}

async function* gunzip(packed: AsyncIterable<Buffer>, damaged: (what: string) => void): AsyncGenerator<Uint8Array> {
  const unpack = createGunzip({ chunkSize: CHUNK })
  const source = Readable.from(packed)
  source.on('error', (error) => unpack.destroy(error))
  try {
    for await (const chunk of source.pipe(unpack)) yield chunk as Buffer
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw error
    damaged('the gzip data ends early or is damaged; packets before that place were read')
  } finally {
    source.destroy()
    unpack.destroy()
  }
}
