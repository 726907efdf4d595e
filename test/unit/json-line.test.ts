// SPDX-License-Identifier: Apache-2.0
// The line that replay writes is what JSON.stringify would make of the flow's object: over every recording, and for the
// members that recordings do not show.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { flowToJson } from '../../src/flows/json.js'
import { flowLine } from '../../src/flows/json-line.js'
import { RECORD, SIDE } from '../../src/flows/layout.js'
import { namePacks } from '../../src/flows/protocols.js'
import { RecordView } from '../../src/flows/record-view.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { replayRecords } from '../../src/replay/replay.js'

const addon = loadAddon()
const folder = fileURLToPath(new URL('../pcap', import.meta.url))
const recordings = readdirSync(folder).filter((name) => /\.pcap(ng)?(\.gz)?$/.test(name))

// Ids that no protocol of ours has: what a signature pack may define, and a name that needs quoting.
const packs = new Map(Array.from({ length: 20000 }, (_, i) => [1000 + i, `pack "${i}"`] as const))
namePacks(packs)
const both = (view: RecordView, labels: ReadonlyMap<string, string> | undefined, capture: string): [string, string] => [
  flowLine(view, labels, capture),
  JSON.stringify(flowToJson(view, labels, { epochMs: 0, lead: { capture } })),
]

describe('a flow as a line', () => {
  it('equals the text of its object in every recording', async () => {
    let flows = 0
    let labelled = 0
    for (const name of recordings)
      await replayRecords(addon, join(folder, name), (view, labels, capture) => {
        const [line, object] = both(view, labels, capture)
        expect(line).toBe(object)
        flows++
        if (labels && labels.size > 0) labelled++
      })
    expect(recordings.length).toBeGreaterThan(50)
    expect(flows).toBeGreaterThan(recordings.length)
    expect(labelled).toBeGreaterThan(20)
  })

  it('equals it for random records: unknown numbers, counters beyond 2^53, hostile labels', () => {
    let seed = 1
    const next = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return seed >>> 16
    }
    const labels = new Map([['url.path', '/"\\\n\u0000\u2028é\ud800']])
    let digits = 0
    for (let i = 0; i < 2000; i++) {
      const data = new DataView(new ArrayBuffer(RECORD.size))
      for (let at = 0; at < RECORD.size; at++) data.setUint8(at, next() & 255)
      // Times are those of a clock; a random one is no date.
      for (const at of [RECORD.first, RECORD.last]) data.setBigUint64(at, BigInt(next()) * 1_000_000_007n, true)
      if (i % 2) data.setBigUint64(RECORD.side[0] + SIDE.packets, BigInt(next()), true)
      const [line, object] = both(new RecordView(data), i % 3 ? labels : undefined, 'a "b".pcap')
      expect(line).toBe(object)
      if (/"(source|destination)\.packets":"\d/.test(line)) digits++
    }
    expect(digits).toBeGreaterThan(100)
  })
})
