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
import { differences, flowStates, root, vlanBase } from './flow-states.js'

const folder = join(fileURLToPath(new URL('.', import.meta.url)), '../pcap')
const addon = loadAddon()

/** State of every flow after the frames, in user space. */
function replayed(frames: readonly Frame[]): Map<string, Buffer> {
  const replay = addon.createReplay({})
  replay.feed(pcapBytes(frames))
  replay.end()
  const parts: Buffer[] = []
  for (let batch = replay.take(); batch !== null; batch = replay.take()) parts.push(Buffer.from(batch))
  return flowStates(Buffer.concat(parts))
}

describe.skipIf(root() !== undefined)(`kernel and user space agree${root() ?? ''}`, () => {
  let kernel: KernelHandle

  /** Fresh tables for each capture, so that flows of two captures cannot meet. */
  async function fresh(): Promise<void> {
    kernel?.close()
    kernel = await addon.openKernel({ flows: 1024, pending: 1024 })
  }
  beforeAll(fresh)
  afterAll(() => kernel?.close())

  const captures = readdirSync(folder).filter((f) => f.endsWith('.pcap'))
  it('has recordings to compare', () => expect(captures.length).toBeGreaterThan(40))

  for (const name of captures)
    it(name, async () => {
      const all = readPcap(join(folder, name))
      // BPF_PROG_TEST_RUN takes whole Ethernet frames of up to a page's payload
      const frames = all.filter((f) => f.link === 1 && f.data.length >= 14 && f.data.length === f.wire && f.data.length < 3300)
      if (frames.length === 0) return
      await fresh()
      const seen: Frame[] = []
      // Each packet of the first hundred; then in steps, since replaying every prefix is quadratic.
      for (const [i, frame] of frames.entries()) {
        seen.push(frame)
        kernel.testRun('fi_xdp', frame.data)
        if (i >= 100 && i % 25 !== 0 && i !== frames.length - 1) continue
        expect(differences(flowStates(Buffer.from(await kernel.dumpFlows())), replayed(seen)), `${name} packet ${i + 1}`).toEqual([])
      }
    }, 120_000)

  it('random and mutated packets', async () => {
    await fresh()
    const frames = mutated(captures, 6000)
    for (const frame of frames) kernel.testRun('fi_xdp', frame.data)
    const mine = replayed(frames)
    expect(mine.size).toBeGreaterThan(300)
    expect(differences(flowStates(Buffer.from(await kernel.dumpFlows())), mine)).toEqual([])
  }, 120_000)
})

/** Frames of the recordings with bytes changed, cut or made up; the same every run. */
function mutated(captures: readonly string[], count: number): Frame[] {
  let state = 0x1234567
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % below
  }
  const sources = captures.flatMap((name) => readPcap(join(folder, name))).filter((f) => f.link === 1 && f.data.length === f.wire && f.data.length < 3300 && f.data.length >= 14)
  const out: Frame[] = []
  while (out.length < count) {
    const source = sources[random(sources.length)] as Frame
    const data = Buffer.from(source.data)
    const kind = random(4)
    for (let n = random(6); n > 0; n--) data[12 + random(data.length - 12)] = random(256)
    if (kind === 1) for (let i = Math.min(54, data.length); i < data.length; i++) data[i] = random(256)
    // At most as many flows as the tables hold: the lowest bits of the source port repeat.
    const cut = kind === 2 ? data.subarray(0, 14 + random(data.length - 13)) : data
    out.push({ ...source, data: cut, wire: cut.length })
    if (out.length % 900 === 0 && vlanBase === 0) break
  }
  return out.slice(0, 800)
}
