// SPDX-License-Identifier: Apache-2.0
// The whole way from a kernel record to facts, on made-up hosts and on this one.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, readlinkSync, realpathSync, statSync, symlinkSync, unlinkSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Owners } from '../../src/owners/owners.js'
import { parseStat } from '../../src/owners/proc-files.js'
import { parsePasswd } from '../../src/owners/user.js'
import { exec, owner, SECOND, TICK, World } from './owners-world.js'

const ID = 'ab'.repeat(32)
const OTHER = 'cd'.repeat(32)

let world: World
let owners: Owners
beforeEach(() => {
  world = new World()
  owners = world.owners()
})
afterEach(() => world[Symbol.dispose]())

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

describe('cgroups', () => {
  it('of before the start are found by walking, with the time they were made', async () => {
    const id = world.cgroup(`/system.slice/docker-${ID}.scope`)
    await owners.boot()
    const facts = owners.resolve(owner({ pid: 5, cgroup: id }))
    expect(facts).toMatchObject({
      cgroupPath: `/system.slice/docker-${ID}.scope`,
      unit: `docker-${ID}.scope`,
      slice: 'system.slice',
      container: { id: ID, shortId: ID.slice(0, 12), runtime: 'docker' },
    })
    const now = BigInt(Date.now()) * 1_000_000n
    expect(facts.container?.createdFrom).toMatch(/^(birth|ctime)$/)
    expect(now - (facts.container?.createdNs ?? 0n)).toBeLessThan(60n * SECOND)
    expect(facts.reasons.map((r) => r.field)).toEqual(['pid', 'userName', 'cgroupPath', 'unit', 'slice', 'container'])
  })

  it('are known from their records, to the nanosecond', () => {
    const nowNs = world.clock.now - 3n * SECOND
    owners.onCgroup({ nowNs, id: 42n, removed: false, path: `/docker/${ID}` })
    owners.onCgroup({ nowNs, id: 43n, removed: false, path: `/docker/${ID}/docker/${OTHER}` })
    expect(owners.resolve(owner({ pid: 5, cgroup: 42n })).container).toEqual({
      id: ID,
      shortId: ID.slice(0, 12),
      runtime: 'docker',
      createdNs: world.clock.epoch + nowNs,
      createdFrom: 'mkdir',
    })
    const nested = owners.resolve(owner({ pid: 6, cgroup: 43n }))
    expect(nested.container?.id).toBe(OTHER)
    expect(nested.containerChain?.map((c) => c.id)).toEqual([ID, OTHER])
  })

  it('that were removed are kept for a while, and an id is never mixed up', () => {
    owners.onCgroup({ nowNs: world.clock.now, id: 42n, removed: false, path: '/system.slice/old.service' })
    owners.onCgroup({ nowNs: world.clock.now, id: 42n, removed: true, path: '/system.slice/old.service' })
    expect(owners.resolve(owner({ pid: 5, cgroup: 42n }))).toMatchObject({ unit: 'old.service', cgroupRemoved: true })
    world.clock.now += 601n * SECOND
    expect(owners.resolve(owner({ pid: 5, cgroup: 42n })).cgroupPath).toBeUndefined()
    owners.onCgroup({ nowNs: world.clock.now, id: 42n, removed: false, path: '/system.slice/new.service' })
    expect(owners.resolve(owner({ pid: 7, cgroup: 42n })).unit).toBe('new.service')
  })

  it('whose record was lost are found through the process, and only if the id is right', () => {
    const id = world.cgroup('/system.slice/a.service')
    const exeIno = world.exe('bin/a')
    world.process({ pid: 5, startTicks: 100n, exe: 'bin/a', cgroup: '0::/system.slice/a.service\n' })
    expect(owners.resolve(owner({ pid: 5, startNs: 100n * TICK, exeIno, cgroup: id })).unit).toBe('a.service')
    expect(owners.resolve(owner({ pid: 5, startNs: 100n * TICK, exeIno, cgroup: id + 1_000_000n })).cgroupPath).toBeUndefined()
    expect(owners.resolve(owner({ pid: 5, startNs: 900n * TICK, exeIno, cgroup: id + 1_000_001n })).cgroupPath).toBeUndefined()
  })

  it('whose record was lost are found by a walk when the process is gone', async () => {
    const id = world.cgroup('/system.slice/b.service')
    const who = owner({ pid: 5, cgroup: id })
    expect(owners.resolve(who).cgroupPath).toBeUndefined()
    await settle()
    world.clock.now += 2n * SECOND
    expect(owners.resolve(who).unit).toBe('b.service')
  })

  it('whose path did not fit into the record get the whole one', async () => {
    const path = `/kubepods.slice/${'a'.repeat(100)}.slice/${'b'.repeat(100)}.slice/cri-containerd-${ID}.scope`
    const id = world.cgroup(path)
    owners.onCgroup({ nowNs: world.clock.now, id, removed: false, path: path.slice(0, 255) })
    const who = owner({ pid: 5, cgroup: id })
    expect(owners.resolve(who).cgroupPath).toBeUndefined()
    await settle()
    world.clock.now += 2n * SECOND
    expect(owners.resolve(who)).toMatchObject({ cgroupPath: path, container: { id: ID, createdFrom: 'mkdir' } })
  })

  it('do not follow links or leave the mount', async () => {
    symlinkSync('/etc', world.path('cgroup/link'))
    world.process({ pid: 5, startTicks: 100n, cgroup: '0::/../etc\n' })
    world.dir('etc')
    const facts = owners.resolve(owner({ pid: 5, startNs: 100n * TICK, cgroup: world.ino('etc') }))
    await owners.boot()
    expect(facts.cgroupPath).toBeUndefined()
    expect(owners.resolve(owner({ pid: 6, cgroup: statSync('/etc', { bigint: true }).ino })).cgroupPath).toBeUndefined()
  })

  it('of a hybrid layout are read from the process', () => {
    world.process({ pid: 5, startTicks: 100n, cgroup: `9:name=systemd:/system.slice/docker.service\n4:memory:/docker/${ID}\n0::/\n` })
    const facts = owners.resolve(owner({ pid: 5, startNs: 100n * TICK, cgroup: 1n }))
    expect(facts).toMatchObject({ cgroupPath: '/', unit: 'docker.service', container: { id: ID, runtime: 'docker' } })
    expect(facts.reasons.find((r) => r.field === 'container')?.from).toBe(`v1 cgroup path /docker/${ID}`)
  })

  it('are unknown without a cgroup2 mount, and that is no error', async () => {
    const none = new Owners({ ...world.roots, cgroup: null }, world.clock)
    await none.boot()
    expect(none.resolve(owner({ pid: 5, cgroup: 77n })).cgroupPath).toBeUndefined()
  })
})

describe('inside', () => {
  it('a pod', () => {
    const uid = '6c8fbe5e-0f0a-4d0c-9d0e-2f3a4b5c6d7e'
    const path = `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/crio-${ID}.scope`
    owners.onCgroup({ nowNs: world.clock.now, id: 9n, removed: false, path })
    const facts = owners.resolve(owner({ pid: 5, cgroup: 9n, netns: 4026539999 }))
    expect(facts).toMatchObject({ podUid: uid, podQos: 'besteffort', container: { runtime: 'cri-o' }, netnsName: `pod:${uid}` })
    expect(owners.resolve(owner({ pid: 6, cgroup: 0n, netns: 4026539999 })).netnsName).toBe(`pod:${uid}`)
  })

  it('a container that runs systemd', () => {
    owners.onCgroup({ nowNs: 0n, id: 9n, removed: false, path: '/machine.slice/machine-db.scope/payload/system.slice/pg.service' })
    expect(owners.resolve(owner({ pid: 5, cgroup: 9n }))).toMatchObject({
      unit: 'machine-db.scope',
      innerUnit: 'pg.service',
      container: { id: 'db' },
    })
  })

  it("a user's rootless container, whose name proves nothing", () => {
    const path = `/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container`
    owners.onCgroup({ nowNs: 0n, id: 9n, removed: false, path })
    const facts = owners.resolve(owner({ pid: 5, uid: 33, cgroup: 9n }))
    expect(facts).toMatchObject({ userName: 'web', container: { user: 1000 }, userUnit: `libpod-${ID}.scope` })
    expect(facts.reasons.find((r) => r.field === 'container')?.from).toContain('as named by user 1000')
  })

  it('the manager beside a container', () => {
    owners.onCgroup({ nowNs: 0n, id: 9n, removed: false, path: `/machine.slice/libpod-conmon-${ID}.scope` })
    const facts = owners.resolve(owner({ pid: 5, cgroup: 9n }))
    expect(facts.container).toBeUndefined()
    expect(facts.manages).toBe(`conmon of ${ID.slice(0, 12)}`)
  })
})

describe('users and network namespaces', () => {
  it('reads the first name of a uid, and again when the file changes', () => {
    expect(owners.resolve(owner({ pid: 5, uid: 33 })).userName).toBe('web')
    expect(owners.resolve(owner({ pid: 5, uid: 77 })).userName).toBeUndefined()
    world.file('etc/passwd', 'new:x:77:77::/:/bin/sh\nnewer:x:78:1:::\n')
    world.clock.now += 31n * SECOND
    expect(owners.resolve(owner({ pid: 5, uid: 77 })).userName).toBe('new')
    expect(owners.resolve(owner({ pid: 5, uid: 33, execId: 2 })).userName).toBeUndefined()
  })

  it('skips lines that are none', () => {
    expect([...parsePasswd('#c:x:1:\n+::::\n:x:2:\na:x:-3:\nb:x:4:4\nc:x\nd:x:99999999999:\n')]).toEqual([[4, 'b']])
  })

  it('names the host, those of ip netns, and the first owner', () => {
    world.dir('proc/2/ns')
    symlinkSync('net:[4026531833]', world.path('proc/2/ns/net'))
    world.file('run/netns/blue', '')
    const blue = Number(world.ino('run/netns/blue'))
    expect(owners.resolve(owner({ pid: 5, netns: 4026531833 })).netnsName).toBe('host')
    expect(owners.resolve(owner({ pid: 5, netns: blue })).netnsName).toBe('blue')
    expect(owners.resolve(owner({ pid: 5, netns: 12345678 })).netnsName).toBeUndefined()
    owners.onCgroup({ nowNs: 0n, id: 9n, removed: false, path: `/docker/${ID}` })
    const host = owners.resolve(owner({ pid: 7, cgroup: 9n, netns: 4026531833 }))
    expect(host.netnsName).toBe('host')
    expect(owners.resolve(owner({ pid: 8, cgroup: 9n, netns: 4026540000 })).netnsName).toBe(`docker:${ID.slice(0, 12)}`)
  })
})

describe('no owner', () => {
  it('is told as such', () => {
    const facts = owners.resolve(owner({ pid: 0, how: 0 }))
    expect(facts).toMatchObject({ how: 'none', pid: 0, reasons: [] })
    expect(facts.exePath).toBeUndefined()
  })
})

describe('this host', () => {
  const real = (): Owners =>
    new Owners(
      { proc: '/proc', sys: '/sys', cgroup: null, passwd: '/etc/passwd', run: '/run' },
      { monotonicNs: () => process.hrtime.bigint(), realtimeNs: () => BigInt(Date.now()) * 1_000_000n },
    )
  const self = (): ReturnType<typeof owner> => {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const exeIno = statSync('/proc/self/exe', { bigint: true }).ino
    return owner({ pid: process.pid, ppid: process.ppid, uid: process.getuid?.() ?? 0, startNs: BigInt(fields[19] ?? 0) * TICK, exeIno })
  }

  it('knows the process of this test', () => {
    const facts = real().resolve(self())
    expect(facts.exePath).toBe(realpathSync(process.execPath))
    expect(facts.commandLine).toBe(readFileSync('/proc/self/cmdline', 'utf8').replace(/\0+$/, '').replaceAll('\0', ' ').slice(0, 2048))
    expect(facts.userName).toBe(spawnSync('id', ['-un'], { encoding: 'utf8' }).stdout.trim())
  })

  it('does not know it under another start time', () => {
    const who = self()
    const other = real().resolve({ ...who, ppid: 0, startNs: who.startNs - 5n * TICK })
    expect(other.exePath).toBeUndefined()
    expect(other.commandLine).toBeUndefined()
  })

  it('says that the executable of a running process was deleted', async () => {
    const copy = world.path('sleeper')
    copyFileSync('/bin/sleep', copy)
    const exeIno = statSync(copy, { bigint: true }).ino
    const child = spawn(copy, ['60'], { stdio: 'ignore' })
    try {
      await once(child, 'spawn')
      unlinkSync(copy)
      const stat = parseStat(readFileSync(`/proc/${child.pid}/stat`, 'utf8'))
      const who = owner({ pid: child.pid ?? 0, startNs: (stat?.startTicks ?? 0n) * TICK, exeIno })
      expect(real().resolve(who)).toMatchObject({ exePath: copy, exeDeleted: true, commandLine: `${copy} 60` })
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('reads all processes at start', async () => {
    const booted = real()
    const { processes } = await booted.boot()
    expect(processes).toBeGreaterThan(0)
    expect(booted.resolve(self()).exePath).toBe(readlinkSync('/proc/self/exe'))
  })
})

describe('anything', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.constantFrom('/docker/', `/docker/${ID}`, '..', '/', '\0'))
  const big = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  const small = fc.integer({ min: 0, max: 20 })
  const record = fc.record({
    cgroup: fc.oneof(big, small.map(BigInt)),
    startNs: fc.oneof(big, small.map(BigInt)),
    exeIno: fc.oneof(big, small.map(BigInt)),
    exeDev: u32,
    pid: fc.oneof(u32, small),
    ppid: fc.oneof(u32, small),
    uid: u32,
    netns: u32,
    execId: fc.oneof(u32, small),
    comm: text,
    how: fc.integer({ min: 0, max: 255 }),
  })

  it('never throws, and every reason has words', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(record, text, text, fc.boolean()), { maxLength: 30 }), (steps) => {
        for (const [who, path, args, removed] of steps) {
          owners.onExec({ nowNs: 0n, owner: who, path, args })
          owners.onCgroup({ nowNs: 0n, id: who.cgroup, removed, path })
          const facts = owners.resolve(who)
          expect(facts.pid).toBe(who.pid)
          for (const reason of facts.reasons) expect(reason.from).not.toBe('')
        }
      }),
      { numRuns: 200 },
    )
  })

  it('keeps memory bounded over 100,000 records', () => {
    const limits = { processes: 500, cgroups: 500, removedCgroups: 100, facts: 500 }
    const bounded = world.owners(limits)
    for (let i = 0; i < 100_000; i++) {
      const who = owner({
        pid: 1 + ((i * 7919) % 50_000),
        startNs: BigInt(i) * SECOND,
        cgroup: BigInt(i),
        exeIno: BigInt(i % 977),
        netns: i,
      })
      bounded.onExec(exec(who, `/bin/${i}`, `${i}`))
      bounded.onCgroup({ nowNs: 0n, id: BigInt(i), removed: i % 3 === 0, path: `/docker/${i.toString(16).padStart(64, '0')}` })
      if (i % 10 === 0) bounded.resolve(who)
    }
    const { processes, cgroups, facts } = bounded.sizes
    expect(processes).toBeLessThanOrEqual(limits.processes)
    expect(cgroups).toBeLessThanOrEqual(limits.cgroups + limits.removedCgroups)
    expect(facts).toBeLessThanOrEqual(limits.facts)
  })
})
