// SPDX-License-Identifier: Apache-2.0
// `flowident replay --json` over the recordings: protocol, stack and labels as truth.tsv says, packets and bytes as
// counted by the tests. Needs the addon, but neither root nor eBPF.
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { counters } from '../lib/compare.js'
import { flowsOf } from '../lib/count.js'
import { type ApiFlow, commandLine, daemonUnavailable } from '../lib/daemon.js'
import { readPcap } from '../lib/pcap.js'
import { run } from '../lib/process.js'
import { place, readTruth, type TruthRow } from '../lib/truth.js'

const reason = daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/replay: skipped, ${reason}`)

const pcap = (file: string): string => fileURLToPath(new URL(`../pcap/${file}`, import.meta.url))
const end = (f: ApiFlow, side: 'source' | 'destination'): string =>
  place({ address: String(f[`${side}.address`]), port: Number(f[`${side}.port`]) })

describe.skipIf(reason !== undefined)('replay of the recordings', () => {
  const truth = readTruth()
  const files = [...new Set(truth.map((t) => t.file))]
  const flows = new Map<string, ApiFlow[]>()

  beforeAll(async () => {
    const { stdout } = await run(commandLine('replay', '--json', ...files.map(pcap)), { limit: 60_000 })
    for (const line of stdout.split('\n').filter(Boolean)) {
      const flow = JSON.parse(line) as ApiFlow
      const file = String(flow['capture'])
      flows.set(file, [...(flows.get(file) ?? []), flow])
    }
  })

  function find(row: TruthRow): ApiFlow {
    const found = (flows.get(row.file) ?? []).filter(
      (f) => f['network.transport'] === row.transport && end(f, 'source') === row.a && end(f, 'destination') === row.b,
    )
    expect(
      found,
      `${row.a} > ${row.b} among ${(flows.get(row.file) ?? []).map((f) => `${end(f, 'source')} > ${end(f, 'destination')}`)}`,
    ).toHaveLength(1)
    return found[0] as ApiFlow
  }

  it.each(files)('%s: names', (file) => {
    const wrong: string[] = []
    for (const row of truth.filter((t) => t.file === file)) {
      const flow = find(row)
      const say = (key: string, have: unknown, want: unknown): void => {
        if (JSON.stringify(have) !== JSON.stringify(want))
          wrong.push(`${row.a} > ${row.b}: ${key} is ${JSON.stringify(have)}, wanted ${JSON.stringify(want)}`)
      }
      say('network.protocol.name', flow['network.protocol.name'], row.protocol)
      say('flowident.layers', flow['flowident.layers'], row.layers)
      for (const [key, value] of Object.entries(row.labels)) say(key, flow[key] === undefined ? undefined : String(flow[key]), value)
    }
    expect(wrong).toEqual([])
  })

  it.each(files.filter((f) => !f.endsWith('.pcapng')))('%s: counters', (file) => {
    const wrong: string[] = []
    for (const counted of flowsOf(readPcap(pcap(file)))) {
      const ends = [place(counted.source), place(counted.destination)]
      const row = truth.find((t) => t.file === file && t.transport === counted.transport && ends.includes(t.a) && ends.includes(t.b))
      if (row === undefined) continue
      const swapped = place(counted.source) !== row.a
      const { source, destination } = counted
      const turned = swapped ? { ...counted, source: destination, destination: source } : counted
      for (const difference of counters(find(row), turned)) wrong.push(`${row.a} > ${row.b}: ${difference}`)
    }
    expect(wrong).toEqual([])
  })
})
