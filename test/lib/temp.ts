// SPDX-License-Identifier: Apache-2.0
// Directories of one test run, and TLS keys made on the spot.
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './process.js'
import { note, remove } from './registry.js'

export class TempDir {
  readonly path: string

  constructor(label: string) {
    this.path = mkdtempSync(join(tmpdir(), `flowident-${label}-`))
    chmodSync(this.path, 0o755) // servers that refuse root run in it as other users
    note('dir', this.path)
  }

  /** Path of a file, written when there is text. */
  file(name: string, text?: string): string {
    const path = join(this.path, name)
    if (text !== undefined) writeFileSync(path, text)
    return path
  }

  dir(name: string): string {
    const path = join(this.path, name)
    mkdirSync(path, { recursive: true })
    return path
  }

  [Symbol.dispose](): void {
    remove('dir', this.path)
  }
}

export interface KeyPair {
  key: string
  cert: string
}

/** A self-signed certificate for the names. */
export async function keyPair(dir: TempDir, name: string, ...names: string[]): Promise<KeyPair> {
  const key = dir.file(`${name}.key`)
  const cert = dir.file(`${name}.crt`)
  const alt = names.map((n) => `DNS:${n}`).join(',')
  await run([
    ...'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650'.split(' '),
    ...['-keyout', key, '-out', cert, '-subj', `/CN=${names[0]}`, '-addext', `subjectAltName=${alt}`],
  ])
  chmodSync(key, 0o644) // read by servers that run as other users; the key protects nothing
  return { key, cert }
}
