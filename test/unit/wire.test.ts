// SPDX-License-Identifier: Apache-2.0
// What the wire view does as interfaces come, go and are renamed, and as others take its attachments away or make room.
import { describe, expect, it } from 'vitest'
import type { Interface } from '../../src/kernel/interfaces.js'
import type { Attachment } from '../../src/kernel/kernel.js'
import { Wire } from '../../src/kernel/wire.js'
import { createLogger } from '../../src/log.js'

const HELD = 'generic: program other (id 7, generic) holds the XDP slot'

function world() {
  const there = new Map<number, string>()
  const state = { alive: true, xdpFree: false, refused: false, held: false }
  const calls: string[] = []
  const clock = { ms: 0 }
  const kernel = {
    async attachInterface(ifindex: number): Promise<Attachment[]> {
      calls.push(`attach ${ifindex}`)
      state.alive = true
      const target = there.get(ifindex) ?? '?'
      if (state.refused) return [{ program: 'fi_xdp', target, ifindex, mode: 'none', ok: false, error: 'ENODEV' }]
      if (state.held) return [{ program: 'fi_tc_ingress', target, ifindex, mode: 'tcx', ok: true, error: HELD }]
      return [{ program: 'fi_xdp', target, ifindex, mode: 'native', ok: true }]
    },
    detachInterface: (ifindex: number) => void calls.push(`detach ${ifindex}`),
    interfaceState: () => state,
  }
  const list = (): Interface[] => [...there].map(([index, name]) => ({ name, index, device: false, loopback: false }))
  const lines: string[] = []
  const log = createLogger({ level: 'info', format: 'json', sink: { write: (line: string) => void lines.push(line) } })
  const wire = new Wire(kernel, { interfaces: ['e*'], mode: 'auto', egress: 'auto' }, list, log, () => clock.ms)
  /** Looks as often as the daemon would in that time; gives what was called. */
  const pass = async (seconds: number): Promise<string[]> => {
    calls.length = 0
    for (let i = 0; i < seconds; i += 2) {
      clock.ms += 2000
      await wire.sync()
    }
    return [...calls]
  }
  return { there, state, wire, pass, lines }
}

describe('wire view', () => {
  it('follows interfaces that come and go', async () => {
    const { there, pass, wire } = world()
    there.set(3, 'e0')
    there.set(4, 'wlan0')
    expect(await pass(10)).toEqual(['attach 3'])
    there.delete(3)
    there.set(5, 'e0')
    expect(await pass(10)).toEqual(['detach 3', 'attach 5'])
    expect(wire.attachments).toMatchObject([{ ifindex: 5, target: 'e0' }])
  })

  it('keeps what is attached when an interface is renamed', async () => {
    const { there, pass, wire } = world()
    there.set(3, 'e0')
    await pass(2)
    there.set(3, 'e1')
    expect(await pass(10)).toEqual([])
    expect(wire.attachments).toMatchObject([{ ifindex: 3, target: 'e1', ok: true }])
    there.set(3, 'wlan0')
    expect(await pass(10)).toEqual(['detach 3'])
  })

  it('attaches again what was taken away', async () => {
    const { there, state, pass, lines } = world()
    there.set(3, 'e0')
    await pass(2)
    state.alive = false
    expect(await pass(10)).toEqual(['detach 3', 'attach 3'])
    expect(lines.join('')).toContain('an attachment was taken away')
  })

  it('takes the XDP slot when the program that held it is gone, and only then', async () => {
    const { there, state, pass, wire } = world()
    there.set(3, 'e0')
    state.held = true
    await pass(2)
    expect(wire.attachments).toMatchObject([{ program: 'fi_tc_ingress', ok: true, error: HELD }])
    expect(await pass(100)).toEqual([])
    Object.assign(state, { held: false, xdpFree: true })
    expect(await pass(4)).toEqual(['detach 3', 'attach 3'])
    expect(wire.attachments).toMatchObject([{ program: 'fi_xdp', mode: 'native', ok: true }])
    expect(await pass(100)).toEqual([])
  })

  it('tries again what was refused, less and less often, and tells it once', async () => {
    const { there, state, pass, wire, lines } = world()
    there.set(3, 'e0')
    state.refused = true
    const attempts = (calls: readonly string[]): number => calls.filter((call) => call.startsWith('attach')).length
    expect(attempts(await pass(10))).toBeGreaterThanOrEqual(3)
    await pass(120)
    expect(attempts(await pass(600))).toBeLessThanOrEqual(11)
    expect(lines.filter((line) => line.includes('not attached')).length).toBe(1)
    state.refused = false
    await pass(62)
    expect(wire.attachments).toMatchObject([{ ok: true }])
    expect(wire.enforcing).toBe(true)
  })
})
