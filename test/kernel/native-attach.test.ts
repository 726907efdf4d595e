// SPDX-License-Identifier: Apache-2.0
// Attaching: which mode is taken, what is left alone, and that nothing stays behind. In a network namespace of its own:
// this process enters it, since interface numbers belong to a namespace.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attachment, KernelHandle } from '../../native/addon.js'
import { COUNTER } from '../../src/gen/abi.js'
import { Netns } from '../lib/netns.js'
import { compileFixture, openFixture } from './fixtures/object.js'

const library = join(dirname(fileURLToPath(import.meta.url)), '../../build/Release/flowident.node')
const cgroupRoot = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .find((line) => line.includes(' - cgroup2 '))
  ?.split(' ')[4]

let netns: Netns
let object: ReturnType<typeof compileFixture>
beforeAll(() => {
  netns = new Netns('attach')
  netns.ip('link', 'add', 'left', 'type', 'veth', 'peer', 'name', 'right')
  netns.up('left', '10.77.0.1/24')
  netns.up('right')
  object = compileFixture()
})
afterAll(() => {
  object[Symbol.dispose]()
  netns[Symbol.dispose]()
})

interface Result {
  attachments: Attachment[][]
  during: string
  after: string
  counters: string[]
}

/** Runs `body` inside the namespace with kernel `k`; `look()` tells what is on the interface, `send()` makes a packet. */
const inside = (body: string): Result => {
  const script = `
    const addon = require(${JSON.stringify(library)}), { execFileSync } = require('node:child_process')
    const ip = (...args) => execFileSync('ip', args, { encoding: 'utf8' }), tc = (...args) => execFileSync('tc', args, { encoding: 'utf8' })
    const index = Number(JSON.parse(ip('-j', 'link', 'show', 'left'))[0].ifindex)
    const look = () => ip('-d', 'link', 'show', 'left') + tc('qdisc', 'show', 'dev', 'left') +
      tc('filter', 'show', 'dev', 'left', 'ingress') + tc('filter', 'show', 'dev', 'left', 'egress')
    const send = () => { try { execFileSync('ping', ['-c', '2', '-i', '0.2', '-W', '1', '10.77.0.9'], { stdio: 'ignore' }) } catch { /* nobody answers */ } }
    const wants = (xdp, egress) => ({ xdp, egress })
    ;(async () => {
      const k = await addon.openKernel({ object: ${JSON.stringify(object.path)} })
      const attachments = [], out = {}
      ${body}
      const counters = [...k.counters()].map(String)
      k.close()
      console.log(JSON.stringify({ attachments, during: out.during ?? '', after: look(), counters }))
    })()`
  return JSON.parse(netns.exec(process.execPath, '-e', script)) as Result
}

describe('interfaces', () => {
  test('native XDP and TCX on a veth; close leaves the interface as it was', () => {
    const { attachments, during, after, counters } = inside(`
      attachments.push(await k.attachInterface(index, wants('auto', 'auto'))); out.during = look(); send()`)
    expect(attachments[0]).toEqual([
      { program: 'fi_xdp', target: 'left', ifindex: expect.any(Number), mode: 'native', ok: true },
      { program: 'fi_tc_egress', target: 'left', ifindex: expect.any(Number), mode: 'tcx', ok: true },
    ])
    expect(during).toContain('prog/xdp')
    expect(Number(counters[COUNTER.WIRE_TX])).toBeGreaterThan(0)
    expect(after).not.toMatch(/xdp|bpf|clsact/)
  })

  test('generic XDP and clsact when asked for; detaching removes the qdisc that we made', () => {
    const { attachments, during, after, counters } = inside(`
      attachments.push(await k.attachInterface(index, wants('generic', 'clsact'))); out.during = look(); send()
      attachments.push(await k.attachInterface(index, wants('generic', 'clsact')))
      k.detachInterface(index)`)
    expect(attachments[0]!.map((each) => [each.mode, each.ok])).toEqual([
      ['generic', true],
      ['clsact', true],
    ])
    expect(attachments[1]).toMatchObject([{ ok: false, error: 'attached already' }])
    expect(during).toContain('clsact')
    expect(during).toContain('fi_tc_egress')
    expect(Number(counters[COUNTER.WIRE_TX])).toBeGreaterThan(0)
    expect(after).not.toMatch(/xdp|bpf|clsact/)
  })

  test("another program's XDP stays: its name is told, and tc takes over", () => {
    const { attachments, during, after } = inside(`
      const other = await addon.openKernel({ object: ${JSON.stringify(object.path)} })
      await other.attachInterface(index, wants('generic', 'off'))
      attachments.push(await k.attachInterface(index, wants('native', 'off')))
      attachments.push(await k.attachInterface(index, wants('auto', 'off')))
      k.detachInterface(index); out.during = look(); other.close()`)
    const holder = /program fi_xdp \(id \d+, generic\) holds the XDP slot/
    expect(attachments[0]).toMatchObject([{ program: 'fi_xdp', mode: 'none', ok: false, error: expect.stringMatching(holder) }])
    expect(attachments[1]).toMatchObject([{ program: 'fi_tc_ingress', mode: 'tcx', ok: true, error: expect.stringMatching(holder) }])
    expect(during).toContain('xdpgeneric')
    expect(after).not.toMatch(/xdp|bpf/)
  })

  test("somebody else's filters on clsact survive us", () => {
    const { during, after } = inside(`
      await k.attachInterface(index, wants('off', 'clsact'))
      const other = globalThis.other = await addon.openKernel({ object: ${JSON.stringify(object.path)} })
      await other.attachInterface(index, wants('off', 'clsact')); out.during = look()`)
    const filters = (shown: string): number => shown.match(/direct-action/g)?.length ?? 0
    expect(filters(during)).toBe(2)
    expect(filters(after)).toBe(1)
    netns.exec('tc', 'qdisc', 'del', 'dev', 'left', 'clsact')
  })

  test('the passive filter sees packets of one interface', () => {
    const { attachments, counters } = inside('attachments.push(await k.attachFilter(index)); send()')
    expect(attachments[0]).toEqual([{ program: 'fi_filter', target: 'left', ifindex: expect.any(Number), mode: 'socket-filter', ok: true }])
    expect(Number(counters[COUNTER.NOT_IP])).toBeGreaterThan(0)
  })

  test('an interface that is not there', () => {
    const { attachments } = inside(`attachments.push(await k.attachInterface(99999, wants('auto', 'auto')))`)
    expect(attachments[0]!.map((each) => each.ok)).toEqual([false, false])
    expect(attachments[0]![0]!.error).toContain('ENODEV')
  })
})

describe('host', () => {
  const modes = (list: Attachment[]) => Object.fromEntries(list.map((each) => [each.program, [each.mode, each.ok]]))
  const linked = (): string => spawnSync('bpftool', ['link', 'show'], { encoding: 'utf8' }).stdout

  const inGroup = async (check: (kernel: KernelHandle, group: string) => Promise<void>): Promise<void> => {
    if (cgroupRoot === undefined) throw new Error('no cgroup v2 is mounted')
    const group = join(cgroupRoot, `flowident-attach-${process.pid}`)
    mkdirSync(group)
    try {
      await check(await openFixture(), group)
    } finally {
      rmdirSync(group)
    }
  }

  test('tracing first, then what was there before, then packets', async () => {
    await inGroup(async (kernel, group) => {
      const list = await kernel.attachHost({ cgroup: group })
      expect(list.map((each) => each.program)).toEqual(['fi_state', 'fi_task_file', 'fi_cgroup_egress'])
      expect(modes(list)).toEqual({ fi_state: ['tracepoint', true], fi_task_file: ['iter', true], fi_cgroup_egress: ['cgroup', true] })
      const counters = kernel.counters()
      expect(Number(counters[COUNTER.OWNER_MISSING])).toBeGreaterThan(10) // open files of this machine's processes
      execFileSync('sh', ['-c', `echo $$ > ${group}/cgroup.procs; ping -c 1 -W 1 127.0.0.1 >/dev/null; true`])
      expect(Number(kernel.counters()[COUNTER.SOCKET_TX])).toBeGreaterThan(0)
      kernel.close()
      expect(linked()).not.toContain('fi_cgroup')
    })
  })

  test('without a cgroup the rest is attached, and the loss is told', async () => {
    const kernel = await openFixture()
    const list = await kernel.attachHost({ cgroup: null })
    expect(modes(list)).toEqual({ fi_state: ['tracepoint', true], fi_task_file: ['iter', true], fi_cgroup_egress: ['cgroup', false] })
    expect(list.find((each) => !each.ok)?.error).toBe('no cgroup v2 mount')
    const wrong = await openFixture()
    expect((await wrong.attachHost({ cgroup: '/nowhere' })).find((each) => !each.ok)?.error).toMatch(/^ENOENT/)
  })

  test('closing while an attach is under way', async () => {
    const kernel = await openFixture()
    const attach = kernel.attachHost({ cgroup: null })
    kernel.close()
    await attach.catch((error: unknown) => expect(error).toMatchObject({ code: 'EBADF' }))
    await expect(Promise.resolve().then(() => kernel.attachHost({ cgroup: null }))).rejects.toMatchObject({ code: 'EBADF' })
  })
})
