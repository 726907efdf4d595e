// SPDX-License-Identifier: Apache-2.0
// Writes src/assets/signature-samples.bin from test/vectors: the first bytes of each built-in protocol, for the check of signature
// packs. usage: make-samples.ts [--check]
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { protocolByName } from '../src/gen/protocols.js'
import { WINDOW } from '../src/packs/compile.js'
import { SAMPLES, type Sample, writeSamples } from '../src/packs/samples.js'
import { readVectors } from '../test/lib/vectors.js'

const WHO = { either: 0, client: 1, server: 2 } as const

const samples = readVectors().flatMap((vector): Sample[] => {
  const protocol = protocolByName(vector.protocol)?.id
  if (typeof vector.out === 'string' || !vector.start || vector.below !== undefined || protocol === undefined) return []
  const from = vector.from === 'either' ? vector.out.who : vector.from
  return [{ protocol, l4: vector.l4, from: WHO[from], bytes: vector.bytes.subarray(0, WINDOW) }]
})
const file = fileURLToPath(new URL(`../src/assets/${SAMPLES}`, import.meta.url))
const bytes = writeSamples(samples)
const same = existsSync(file) && readFileSync(file).equals(bytes)
if (!same && process.argv.includes('--check')) {
  console.error(`src/assets/${SAMPLES} is out of date: run make gen`)
  process.exitCode = 1
} else if (!same) writeFileSync(file, bytes)
