// SPDX-License-Identifier: Apache-2.0
// Loads the BPF object and prints what each program costs: instructions after loading and instructions that the verifier
// walked, against the baseline in tools/size.json. usage: size.ts [--update]; needs root.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadAddon } from '../src/kernel/native-kernel.js'

interface Cost {
  insns: number
  verified: number
}

const baselineFile = fileURLToPath(new URL('size.json', import.meta.url))
const baseline: Record<string, Cost> = existsSync(baselineFile) ? JSON.parse(readFileSync(baselineFile, 'utf8')) : {}
const change = (now: number, before: number | undefined): string =>
  before === undefined || before === 0
    ? 'new'
    : now === before
      ? '='
      : `${now > before ? '+' : ''}${(((now - before) / before) * 100).toFixed(1)} %`
const row = (cells: string[]): string => cells.map((cell, i) => (i === 0 ? cell.padEnd(20) : cell.padStart(12))).join('')

const kernel = await loadAddon().openKernel({})
try {
  const costs: Record<string, Cost> = {}
  for (const { name, insns, verifiedInsns } of kernel.programs()) costs[name] = { insns, verified: verifiedInsns }
  console.log(row(['program', 'insns', '', 'verified', '', 'of limit']))
  for (const [name, { insns, verified }] of Object.entries(costs)) {
    const before = baseline[name]
    // The verifier gives up at a million.
    const share = `${(verified / 10_000).toFixed(1)} %`
    console.log(row([name, String(insns), change(insns, before?.insns), String(verified), change(verified, before?.verified), share]))
  }
  for (const { program, error } of kernel.skipped) console.log(`${program}: not loaded: ${error}`)
  for (const name of Object.keys(baseline)) if (!(name in costs)) console.log(`${name}: in the baseline, but not loaded`)
  if (process.argv.includes('--update')) writeFileSync(baselineFile, `${JSON.stringify(costs, null, 2)}\n`)
} finally {
  kernel.close()
}
