// SPDX-License-Identifier: Apache-2.0
// The kernel build and the user-space build of the core agree: after each packet of each recording, and on random and
// mutated packets, the loaded XDP program and replay have the same flows in the same state.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import type { KernelHandle } from '../../src/kernel/kernel.js'
import { type Frame, pcapBytes, readPcap } from '../lib/pcap.js'
import { differences, flowStates, unavailable } from './flow-states.js'

const folder = join(fileURLToPath(new URL('.', import.meta.url)), '../pcap')
const addon = loadAddon()

/** State of every flow after the frames, in user space. */
function replayed(frames: readonly Frame[]): Map<string, string> {
  const replay = addon.createReplay({})
  replay.feed(pcapBytes(frames))
  replay.end()
  const parts: Buffer[] = []
  for (let batch = replay.take(); batch !== null; batch = replay.take()) parts.push(Buffer.from(batch))
  return flowStates(Buffer.concat(parts))
}

const reason = unavailable()
describe.skipIf(reason !== undefined)(`kernel and user space agree${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let kernel: KernelHandle
  beforeAll(async () => {
    kernel = await addon.openKernel({
      flows: 4096,
      pending: 4096,
      without: ['fi_cgroup_ingress', 'fi_cgroup_egress', 'fi_tc_ingress', 'fi_tc_egress', 'fi_filter'],
    })
  })
  afterAll(() => kernel?.close())

  const live = async (): Promise<Map<string, string>> => flowStates(Buffer.from(await kernel.dumpFlows()))
  const captures = readdirSync(folder).filter((f) => f.endsWith('.pcap'))
  it('has recordings to compare', () => expect(captures.length).toBeGreaterThan(40))

  for (const [index, name] of captures.entries())
    it(name, { timeout: 120_000 }, async () => {
      // A tag of its own for each recording: flows of two recordings cannot meet.
      const frames = readPcap(join(folder, name))
        .filter(usable)
        .map((f) => tagged(f, 1000 + index))
      const seen: Frame[] = []
      const before = await live()
      // Each packet of the first sixty; then in steps, since replaying every prefix is quadratic.
      for (const [i, frame] of frames.entries()) {
        seen.push(frame)
        kernel.testRun('fi_xdp', frame.data)
        if (i >= 60 && i % 20 !== 0 && i !== frames.length - 1) continue
        const [now, mine] = [await live(), replayed(seen)]
        // a mutated packet with a tag of its own can belong to a flow of the recordings, which is not new
        for (const key of before.keys()) {
          now.delete(key)
          mine.delete(key)
        }
        expect(differences(now, mine), `${name} packet ${i + 1}`).toEqual([])
      }
    })

  it('random and mutated packets', { timeout: 120_000 }, async () => {
    const frames = mutated(captures, 800).map((f) => tagged(f, 4000))
    const before = await live()
    for (const frame of frames) kernel.testRun('fi_xdp', frame.data)
    const mine = replayed(frames)
    const now = await live()
    // a mutated packet with a tag of its own can belong to a flow of the recordings, which is not new
    for (const key of before.keys()) {
      now.delete(key)
      mine.delete(key)
    }
    expect(mine.size).toBeGreaterThan(100)
    expect(differences(now, mine)).toEqual([])
  })
})

/** BPF_PROG_TEST_RUN takes whole Ethernet frames of up to a page. */
const usable = (f: Frame): boolean => f.link === 1 && f.data.length >= 14 && f.data.length === f.wire && f.data.length < 3300

/** The frame with an 802.1Q tag. */
function tagged(frame: Frame, vlan: number): Frame {
  const data = Buffer.concat([frame.data.subarray(0, 12), Buffer.from([0x81, 0, vlan >> 8, vlan & 255]), frame.data.subarray(12)])
  return { ...frame, data, wire: data.length }
}

/** Frames of the recordings with bytes changed, cut or made up; the same every run. */
function mutated(captures: readonly string[], count: number): Frame[] {
  let state = 0x1234567
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % below
  }
  const sources = captures.flatMap((name) => readPcap(join(folder, name))).filter(usable)
  const out: Frame[] = []
  while (out.length < count) {
    const source = sources[random(sources.length)] as Frame
    const data = Buffer.from(source.data)
    const kind = random(4)
    for (let n = random(6); n > 0; n--) data[12 + random(data.length - 12)] = random(256)
    if (kind === 1) for (let i = Math.min(54, data.length); i < data.length; i++) data[i] = random(256)
    const cut = kind === 2 ? data.subarray(0, 14 + random(data.length - 13)) : data
    // all at one time: replay ends flows that are idle for long
    out.push({ ...(sources[0] as Frame), data: cut, wire: cut.length })
  }
  return out
}
