// SPDX-License-Identifier: Apache-2.0
// What is inside a tunnel is the flow when it has ports; else the carrier is, when that has some.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { replayFile } from '../../src/replay/replay.js'
import { pcapBytes } from '../lib/pcap.js'
import { at, ethernet, ip, Scene, udpSegment } from '../lib/synth.js'

const addon = loadAddon()
const folder = mkdtempSync(join(tmpdir(), 'flowident-carriers-'))
afterAll(() => rmSync(folder, { recursive: true }))

const IN = ['192.0.2.1', '192.0.2.2'] as const
const OUT = ['10.9.0.1', '10.9.0.2'] as const
const hex = (s: string): Buffer => Buffer.from(s.replaceAll(' ', ''), 'hex')
const udp = (port: number, head: string, frame: (packet: Buffer) => Buffer) => (packet: Buffer) =>
  ethernet(ip(...OUT, 17, udpSegment(50_000, port, Buffer.concat([hex(head), frame(packet)])), 6))
const CARRIERS = {
  vxlan: udp(4789, '08000000 00007b00', ethernet),
  geneve: udp(6081, '00006558 00007b00', ethernet),
} as const
const gre = (packet: Buffer): Buffer => ethernet(ip(...OUT, 47, Buffer.concat([hex('00000800'), packet])))
const ping = ip(...IN, 1, hex('0800 f7fd 0001 0001'))

const flowsOf = async (fill: (scene: Scene) => void): Promise<string[]> => {
  const scene = new Scene()
  fill(scene)
  const file = join(folder, 'carrier.pcap')
  writeFileSync(file, pcapBytes(scene.frames))
  const flows: string[] = []
  await replayFile(addon, file, (f) => {
    flows.push(`${f['network.transport']} ${f['source.address']} > ${f['destination.address']} ${f['network.protocol.name']}`)
  })
  return flows.sort()
}

describe('a carrier', () => {
  for (const [name, wrap] of Object.entries(CARRIERS)) {
    it(`of ${name} with a ping inside is the flow`, async () => {
      const flows = await flowsOf((s) => s.packet(ping, wrap))
      expect(flows).toEqual([`udp ${OUT[0]} > ${OUT[1]} ${name}`])
    })
    it(`of ${name} with TCP inside is none`, async () => {
      const flows = await flowsOf((s) => s.talk(at(IN[0], 40_000), at(IN[1], 2022), [['<', 'SSH-2.0-OpenSSH_9.2\r\n']], wrap))
      expect(flows).toEqual([`tcp ${IN[0]} > ${IN[1]} ssh`])
    })
    it(`of ${name} with both inside is one beside the flow inside`, async () => {
      const flows = await flowsOf((s) => {
        s.packet(ping, wrap)
        s.talk(at(IN[0], 40_000), at(IN[1], 2022), [['<', 'SSH-2.0-OpenSSH_9.2\r\n']], wrap)
      })
      expect(flows).toEqual([`tcp ${IN[0]} > ${IN[1]} ssh`, `udp ${OUT[0]} > ${OUT[1]} ${name}`])
    })
  }
  it('without ports leaves the ping inside as the flow', async () => {
    const flows = await flowsOf((s) => s.packet(ping, gre))
    expect(flows).toEqual([`icmp ${IN[0]} > ${IN[1]} unknown`])
  })
})
