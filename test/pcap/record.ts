// SPDX-License-Identifier: Apache-2.0
// Records the captures of this folder from real servers and clients, and writes truth.tsv.
// As root: node --import tsx test/pcap/record.ts [NAME…]    (no name: all; names may be the start of a name)
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Capture } from '../lib/capture.js'
import { type Flow, flowsOf } from '../lib/count.js'
import { Pair, unavailable } from '../lib/netns.js'
import { pcapBytes, pcapngBytes, readPcap } from '../lib/pcap.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'
import { place } from '../lib/truth.js'
import { type Expect, type Scene, Stage } from './scene.js'
import { SCENES } from './scenes/index.js'

const HERE = dirname(fileURLToPath(import.meta.url))
const TRUTH = join(HERE, 'truth.tsv')
const HEAD = `# What the flows of the captures in this folder are; written by record.ts, which made the captures.
# One row a flow: a = who opened it; addresses and ports innermost where tunnelled; layers from the outside in;
# labels = those that must be found (others may be). Flows of other ports have no row.
file	transport	a	b	protocol	layers	labels
`
const LIMIT = 60_000

/** Rows of truth: every flow to a named port must be expected, and every expectation met. */
function rows(file: string, flows: readonly Flow[], expects: readonly Expect[]): string[] {
  const out: string[] = []
  const queues = new Map<string, Expect[]>()
  for (const e of expects) {
    const key = `${e.transport ?? 'tcp'} ${e.port}`
    const queue = queues.get(key) ?? []
    for (let i = 0; i < (e.times ?? 1); i++) queue.push(e)
    queues.set(key, queue)
  }
  for (const flow of flows) {
    // A flow of which only the server's packets were seen starts with one of those: the client opened it all the same.
    const swap = !queues.has(`${flow.transport} ${flow.destination.port}`)
    const [a, b] = swap ? [flow.destination, flow.source] : [flow.source, flow.destination]
    const key = `${flow.transport} ${b.port}`
    const queue = queues.get(key)
    if (queue === undefined) continue
    const e = queue.shift()
    if (e === undefined)
      throw new Error(`${file}: more flows to ${key} than expected: ${flows.map((f) => `${f.source.port}>${f.destination.port}`)}`)
    const layers = (e.layers ?? [e.protocol]).join(',')
    out.push([file, flow.transport, place(a), place(b), e.protocol, layers, JSON.stringify(e.labels ?? {})].join('\t'))
  }
  for (const [key, left] of queues)
    if (left.length > 0)
      throw new Error(`${file}: ${left.length} flows to ${key} are missing; seen: ${flows.map((f) => f.destination.port)}`)
  return out
}

async function record(scene: Scene): Promise<string[]> {
  using dir = new TempDir('record')
  using pair = new Pair(scene.mtu === undefined ? {} : { mtu: scene.mtu })
  const raw = dir.file('raw.pcap')
  await using stage = new Stage(pair, dir)
  await scene.prepare?.(stage)
  await using capture = await Capture.start(pair.client, scene.device ?? 'e0', raw)
  const expects = await scene.run(stage)
  await capture.stop()
  const frames = scene.edit?.(readPcap(raw)) ?? readPcap(raw)
  const format = scene.format ?? 'pcap'
  const file = `${scene.name}.${format}`
  const plain = pcapBytes(frames)
  const bytes = format === 'pcapng' ? pcapngBytes(frames) : format === 'pcap.gz' ? gzipSync(plain) : plain
  const found = rows(file, flowsOf(frames), expects)
  if (bytes.length > LIMIT) throw new Error(`${file}: ${bytes.length} bytes, more than ${LIMIT}`)
  writeFileSync(join(HERE, file), bytes)
  return found
}

/** Replaces the rows of the recorded captures; drops those whose file is gone. */
function writeTruth(fresh: ReadonlyMap<string, readonly string[]>): void {
  const old = existsSync(TRUTH) ? readFileSync(TRUTH, 'utf8').split('\n') : []
  const kept = old.filter((row) => {
    const file = row.split('\t')[0] as string
    return /\.pcap/.test(file) && !row.startsWith('#') && !fresh.has(file) && existsSync(join(HERE, file))
  })
  const all = [...kept, ...[...fresh.values()].flat()]
  const order = (row: string): string => row.split('\t')[0] as string
  all.sort((a, b) => (order(a) < order(b) ? -1 : order(a) > order(b) ? 1 : 0))
  writeFileSync(TRUTH, `${HEAD}${all.join('\n')}\n`)
}

const missing = unavailable()
if (missing !== undefined) throw new Error(`cannot record: ${missing}`)
sweep()
const wanted = process.argv.slice(2)
const chosen = SCENES.filter((s) => wanted.length === 0 || wanted.some((w) => s.name.startsWith(w)))
const fresh = new Map<string, string[]>()
let failed = 0
for (const scene of chosen) {
  const file = `${scene.name}.${scene.format ?? 'pcap'}`
  try {
    const found = await record(scene)
    fresh.set(file, found)
    console.log(`${file}: ${found.length} flows, ${statSync(join(HERE, file)).size} bytes`)
  } catch (error) {
    failed++
    console.error(`${file}: FAILED ${error instanceof Error ? error.message : error}`)
  }
}
if (wanted.length === 0 && failed === 0)
  for (const file of readdirSync(HERE)) if (/\.pcap/.test(file) && !fresh.has(basename(file))) rmSync(join(HERE, file))
writeTruth(fresh)
process.exitCode = failed === 0 ? 0 : 1
