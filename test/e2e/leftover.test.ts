// SPDX-License-Identifier: Apache-2.0
// After Ctrl-C nothing of the daemon is left in the kernel: programs, links, maps, pins, qdiscs, its socket.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { Pair, SERVER, unavailable } from '../lib/netns.js'
import { type Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { nginx } from '../lib/servers/web.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/leftover: skipped, ${reason}`)

interface Named {
  id: number
  name?: string
  prog_id?: number
}

function bpftool(kind: 'prog' | 'map' | 'link'): Named[] {
  return JSON.parse(execFileSync('/usr/sbin/bpftool', ['-j', kind, 'show'], { encoding: 'utf8' })) as Named[]
}

/** Programs, maps and links of flowident: theirs carry the prefix fi_, and links belong to such programs. */
function ours(): { programs: number[]; maps: number[]; links: number[] } {
  const programs = bpftool('prog')
    .filter((p) => p.name?.startsWith('fi_'))
    .map((p) => p.id)
  const maps = bpftool('map')
    .filter((m) => m.name?.startsWith('fi_'))
    .map((m) => m.id)
  return {
    programs,
    maps,
    links: bpftool('link')
      .filter((l) => programs.includes(l.prog_id ?? -1))
      .map((l) => l.id),
  }
}

describe.skipIf(reason !== undefined)('what is left', () => {
  let dir: TempDir
  let pair: Pair
  let server: Proc

  beforeEach(async () => {
    sweep()
    dir = new TempDir('leftover')
    pair = new Pair()
    server = await nginx(pair.server.name, dir, [{ port: 8080 }])
  })

  afterEach(async () => {
    await server.stop()
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  /** What there is besides the daemon of this test. Those of tests before it are gone, but the kernel frees what they had a moment later. */
  async function around(): Promise<{ kernel: ReturnType<typeof ours>; qdiscs: string }> {
    const none = () => ours().maps.length + ours().programs.length === 0
    await until('the kernel to free what tests before this one had', none, 5000).catch(() => undefined)
    return { kernel: ours(), qdiscs: qdiscs() }
  }
  const links = (): string => pair.server.ip('-d', 'link', 'show', 'dev', 'e0')
  const qdiscs = (): string => pair.server.exec('tc', 'qdisc', 'show', 'dev', 'e0')
  const get = (): Promise<unknown> => run(['curl', '-s', '-m', '5', `http://${SERVER.v4}:8080/`], { netns: pair.client.name })

  async function clean(before: Awaited<ReturnType<typeof around>>, daemon: Daemon): Promise<void> {
    // The kernel frees maps and programs a moment after the last user of each is gone.
    await until('the kernel to free everything', () => JSON.stringify(ours()) === JSON.stringify(before.kernel), 5000).catch(
      () => undefined,
    )
    expect(ours()).toEqual(before.kernel)
    expect(qdiscs()).toBe(before.qdiscs)
    expect(links()).not.toMatch(/xdp/)
    expect(existsSync('/sys/fs/bpf/flowident') ? readdirSync('/sys/fs/bpf/flowident') : []).toEqual([])
    await get() // traffic passes
    expect(daemon.proc.running).toBe(false)
  }

  it.each([
    ['tcx', ''],
    ['clsact', '  egress: clsact\n'],
    ['generic XDP', '  mode: generic\n'],
  ])('nothing after Ctrl-C (%s)', async (_name, config) => {
    const before = await around()
    await using daemon = await Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config })
    await get()
    const during = ours()
    expect(during.programs.length).toBeGreaterThan(before.kernel.programs.length)
    expect(during.maps.length).toBeGreaterThan(before.kernel.maps.length)
    expect(links()).toMatch(/xdp/)
    expect(await daemon.interrupt()).toBe(0)
    expect(existsSync(daemon.socket)).toBe(false)
    await clean(before, daemon)
  })

  it('nothing in the kernel after a crash', async () => {
    const before = await around()
    await using daemon = await Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'] })
    await get()
    await daemon.proc.stop('SIGKILL')
    await clean(before, daemon)
  })

  it('classifiers that a killed daemon left on clsact are found and removed, those of a living one are not', {
    timeout: 240_000,
  }, async () => {
    const before = await around()
    const folder = dir.dir('rules.d')
    writeFileSync(`${folder}/a.yaml`, 'rules: [{ name: r, action: drop, match: { direction: out, source: { ports: 8080 } } }]\n')
    const config = `  mode: off\n  egress: clsact\nrules:\n  folder: ${folder}\nkeep:\n  folder: ${dir.file('none')}\n`
    const start = () => Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config })
    const filters = (): number =>
      pair.server.exec('tc', 'filter', 'show', 'dev', 'e0', 'egress').match(/handle 0x\w+ fi_tc_egress/g)?.length ?? 0
    const fetched = async (): Promise<boolean> =>
      (await run(['curl', '-s', '-m', '1', `http://${SERVER.v4}:8080/`], { netns: pair.client.name, codes: [] })).code === 0
    const doctor = (...args: string[]) =>
      run(commandLine('doctor', ...args), { netns: pair.server.name, codes: [], env: { FLOWIDENT_KEEP_FOLDER: dir.file('none') } })

    const first = await start()
    expect(await fetched()).toBe(false)
    expect((await doctor('--clean')).stdout).toBe('nothing was left behind\n')
    expect(filters()).toBe(1)
    await first.proc.stop('SIGKILL')
    expect(filters()).toBe(1)
    expect(await fetched()).toBe(false) // the rules of a process that is gone
    expect((await doctor()).stdout).toContain('1 classifiers of a killed process still decide')
    const second = await start()
    expect(second.proc.stdout + second.proc.stderr).toContain('removed what an earlier process kept or left')
    expect(filters()).toBe(1)
    await second.proc.stop('SIGKILL')
    expect((await doctor('--clean')).stdout).toBe('removed 1 objects; nothing of flowident is attached any more\n')
    expect(await fetched()).toBe(true)
    await clean(before, second)
  })

  it('starts again where a crash left its socket', async () => {
    const first = await Daemon.start(dir)
    await first.proc.stop('SIGKILL')
    await using second = await Daemon.start(dir, { socket: first.socket })
    expect((await second.get('/readyz')).status).toBe(200)
  })
})
