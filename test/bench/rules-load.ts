// SPDX-License-Identifier: Apache-2.0
// How long 10,000 rules with 100,000 addresses take from the text of a file until they are in force, by step; and the same rules in
// nftables. The first time is of a process that has just begun, as `rules apply` and a restart see it. Run by rules.sh.
import { spawnSync } from 'node:child_process'
import { parseYaml } from '../../src/config/source.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { compileRules } from '../../src/rules/compile.js'
import { loadRules } from '../../src/rules/load.js'
import { overlaps } from '../../src/rules/overlap.js'
import { readRules } from '../../src/rules/read.js'

const RULES = 10_000
const ADDRESSES = 10
const RUNS = 5

let state = 12_345
const random = (below: number): number => {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
  return (state >>> 8) % below
}
const network = () => `${1 + random(223)}.${random(256)}.${random(256)}.0/24`
const list = Array.from({ length: RULES }, (_, i) => ({
  name: `rule-${i}`,
  port: 1 + random(65_535),
  networks: [...new Set(Array.from({ length: ADDRESSES }, network))],
}))
const yaml = `rules:\n${list
  .map(
    ({ name, port, networks }) =>
      `  - name: ${name}\n    action: drop\n    match:\n      transport: tcp\n      destination: { ports: [${port}] }\n      source:\n        cidrs:\n${networks.map((each) => `          - ${each}\n`).join('')}`,
  )
  .join('')}`
const nft = `table netdev bench { chain drops { type filter hook ingress device lo priority 0;\n${list
  .map(({ port, networks }) => `ip saddr { ${networks.join(', ')} } tcp dport ${port} drop`)
  .join('\n')}\n}\n}\n`

const taken = new Map<string, number[]>()
async function time<T>(what: string, work: () => T | Promise<T>): Promise<T> {
  const begin = performance.now()
  const result = await work()
  taken.set(what, [...(taken.get(what) ?? []), performance.now() - begin])
  return result
}

const kernel = await loadAddon().openKernel({ flows: 131_072, pending: 4096 })
for (let run = 0; run < RUNS; run++) {
  await time('all of it', async () => {
    const { source } = await time('YAML to values', () => parseYaml('bench.yaml', yaml))
    const { rules } = await time('values to rules', () => readRules('bench.yaml', source))
    const tables = await time('rules to tables', () => compileRules(rules, []))
    const installing = time('tables into the kernel, on another thread', () => kernel.installRules(tables))
    await time('rules that never decide, meanwhile', () => overlaps(rules))
    await installing
  })
}
kernel.close()
if (loadRules([{ name: 'bench.yaml', text: yaml }]).rules.length !== RULES) throw new Error('not all rules were read')
for (let run = 0; run < RUNS; run++) {
  await time('nft -f, the same rules', () => {
    const { status, stderr } = spawnSync('nft', ['-f', '-'], { input: nft, encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  })
  spawnSync('nft', ['flush', 'ruleset'])
}

console.log('| step | first, ms | median, ms |\n| --- | --- | --- |')
for (const [what, times] of taken) {
  const [first = 0] = times
  const middle = [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0
  console.log(`| ${what} | ${first.toFixed(0)} | ${middle.toFixed(0)} |`)
}
