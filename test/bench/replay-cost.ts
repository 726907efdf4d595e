// SPDX-License-Identifier: Apache-2.0
// `flowident replay` against Debian's ndpiReader on the same capture: our own recordings many times over, each copy with
// addresses of its own; or a capture of CAPTURE, whose packets are counted by capinfos. Whole processes, taking turns. Prints Markdown.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Frame, pcapBytes, readPcap } from '../lib/pcap.js'
import { median } from './packets.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const COPIES = Number(process.env['COPIES'] ?? 150)
const RUNS = 5

/** The frame with both IP addresses moved to network `copy`. */
function moved(frame: Frame, copy: number): Frame {
  const data = Buffer.from(frame.data)
  const type = data.readUInt16BE(12)
  const addresses = type === 0x0800 ? [26, 30] : type === 0x86dd ? [22, 38] : []
  for (const at of addresses) {
    if (at + 4 > data.length) continue
    data[at + 1] = (data[at + 1] ?? 0) ^ (copy & 255)
    data[at + 2] = (data[at + 2] ?? 0) ^ (copy >> 8)
  }
  return { ...frame, data, time: 1_700_000_000 + copy * 0.5 + (frame.time % 1) / 4 }
}

const folder = join(root, 'test/pcap')
const frames = readdirSync(folder)
  .filter((f) => f.endsWith('.pcap'))
  .flatMap((f) => readPcap(join(folder, f)))
  .filter((f) => f.link === 1 && f.data.length === f.wire && f.data.length > 38)
const dir = mkdtempSync(join(tmpdir(), 'flowident-bench-'))
const given = process.env['CAPTURE']
const file = given ?? join(dir, 'merged.pcap')
const parts: Buffer[] = []
for (let copy = 0; given === undefined && copy < COPIES; copy++) {
  const bytes = pcapBytes(frames.map((f) => moved(f, copy)))
  parts.push(copy === 0 ? bytes : bytes.subarray(24))
}
if (given === undefined) writeFileSync(file, Buffer.concat(parts))
const counted = (): number => Number(spawnSync('capinfos', ['-rTcM', file], { encoding: 'utf8' }).stdout.trim().split('\t').at(-1))
const packets = given === undefined ? frames.length * COPIES : counted()

function once(argv: readonly string[]): { seconds: number; kib: number } {
  const start = process.hrtime.bigint()
  const done = spawnSync('/usr/bin/time', ['-f', '%M', ...argv], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' })
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  const kib = Number(/(\d+)\s*$/.exec(done.stderr)?.[1] ?? 0)
  return { seconds, kib }
}
const programs = {
  'flowident replay': [process.execPath, join(root, 'dist/main.js'), 'replay', file],
  'flowident replay --json': [process.execPath, join(root, 'dist/main.js'), 'replay', '--json', file],
  ndpiReader: ['ndpiReader', '-q', '-i', file],
} as const
const results: Record<string, { seconds: number[]; kib: number[] }> = {}
for (let run = 0; run < RUNS; run++)
  for (const [name, argv] of Object.entries(programs)) {
    const r = once(argv)
    results[name] ??= { seconds: [], kib: [] }
    results[name].seconds.push(r.seconds)
    results[name].kib.push(r.kib)
  }
console.log(`${packets} packets, ${(statSync(file).size / 1e6).toFixed(0)} MB, ${RUNS} runs each, medians\n`)
console.log('| program | seconds | packets/s | peak memory, MB |\n| --- | --- | --- | --- |')
for (const [name, { seconds, kib }] of Object.entries(results))
  console.log(`| ${name} | ${median(seconds).toFixed(2)} | ${Math.round(packets / median(seconds))} | ${(median(kib) / 1024).toFixed(0)} |`)
rmSync(dir, { recursive: true })
