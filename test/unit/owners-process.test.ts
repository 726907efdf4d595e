// SPDX-License-Identifier: Apache-2.0
// Which program a process runs, and that a pid with a new owner never lends its /proc entry to the old one.
import { unlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Owners } from '../../src/owners/owners.js'
import { parseStat } from '../../src/owners/proc-files.js'
import { exec, owner, SECOND, TICK, World } from './owners-world.js'

let world: World
let owners: Owners
beforeEach(() => {
  world = new World()
  owners = world.owners()
})
afterEach(() => world[Symbol.dispose]())

describe('exec records', () => {
  it('name the program of a process that is gone before anyone looks', () => {
    const who = owner({ pid: 50, startNs: 7n * SECOND, exeIno: 99n })
    owners.onExec(exec(who, '/usr/bin/dig', 'dig', '+short', 'example.org'))
    const facts = owners.resolve(who)
    expect(facts).toMatchObject({ exePath: '/usr/bin/dig', commandLine: 'dig +short example.org', how: 'used', comm: 'prog' })
    expect(facts.reasons).toContainEqual({ field: 'exePath', value: '/usr/bin/dig', from: 'path given to execve' })
  })

  it('are completed by the real path while the process is young, and that is remembered for the next one', () => {
    const exeIno = world.exe('bin/python3.11')
    const first = owner({ pid: 50, startNs: 700n * TICK, exeIno })
    world.process({ pid: 50, startTicks: 700n, exe: 'bin/python3.11' })
    owners.onExec(exec(first, './script.py', 'script.py'))
    expect(owners.resolve(first)).toMatchObject({ exePath: world.path('bin/python3.11'), commandLine: 'script.py' })
    const second = owner({ pid: 51, startNs: 900n * TICK, exeIno })
    owners.onExec(exec(second, './script.py', 'script.py', 'again'))
    const facts = owners.resolve(second)
    expect(facts).toMatchObject({ exePath: world.path('bin/python3.11'), commandLine: 'script.py again' })
    expect(facts.reasons.find((r) => r.field === 'exePath')?.from).toBe('earlier process of the same file')
  })

  it('keep programs of one process apart by exec_id', () => {
    const before = owner({ pid: 60, startNs: SECOND, execId: 1, exeIno: 1n })
    const after = owner({ pid: 60, startNs: SECOND, execId: 2, exeIno: 2n })
    owners.onExec(exec(before, '/bin/sh', 'sh'))
    owners.onExec(exec(after, '/usr/sbin/nginx', 'nginx'))
    expect(owners.resolve(before).exePath).toBe('/bin/sh')
    expect(owners.resolve(after).exePath).toBe('/usr/sbin/nginx')
  })

  it('are completed from cmdline where they were cut, not replaced where a process rewrote it', () => {
    const exeIno = world.exe('bin/java')
    const long = `java\0${'-Dx=y\0'.repeat(100)}`
    world.process({ pid: 70, startTicks: 100n, exe: 'bin/java', args: long })
    const cut = owner({ pid: 70, startNs: 100n * TICK, exeIno })
    owners.onExec({ ...exec(cut, '/bin/java'), args: long.slice(0, 256) })
    expect(owners.resolve(cut).commandLine).toBe(long.slice(0, -1).replaceAll('\0', ' '))
    world.process({ pid: 71, startTicks: 100n, exe: 'bin/java', args: 'java: worker\0' })
    const other = owner({ pid: 71, startNs: 100n * TICK, exeIno })
    owners.onExec({ ...exec(other, '/bin/java'), args: long.slice(0, 256) })
    expect(owners.resolve(other).commandLine).toBe(long.slice(0, 256).replaceAll('\0', ' '))
  })

  it('keep hostile arguments as data', () => {
    const who = owner({ pid: 50, startNs: SECOND, comm: '\u001b[2J) S 1', exeIno: 5n })
    owners.onExec(exec(who, '/tmp/\n<b>', 'a\nb', '"', '\u001b[31m'))
    expect(owners.resolve(who)).toMatchObject({ exePath: '/tmp/\n<b>', commandLine: 'a\nb " \u001b[31m', comm: '\u001b[2J) S 1' })
  })
})

describe('fork without exec', () => {
  const parent = owner({ pid: 80, startNs: 5n * SECOND, execId: 3, exeIno: 8n, exeDev: 2 })
  const child = owner({ pid: 81, ppid: 80, startNs: 6n * SECOND, execId: 3, exeIno: 8n, exeDev: 2 })

  it("has the parent's program", () => {
    owners.onExec(exec(parent, '/usr/sbin/apache2', 'apache2', '-k', 'start'))
    const facts = owners.resolve(child)
    expect(facts).toMatchObject({ pid: 81, exePath: '/usr/sbin/apache2', commandLine: 'apache2 -k start' })
    expect(facts.reasons.find((r) => r.field === 'exePath')?.from).toBe('parent 80, same program')
    expect(owners.resolve({ ...child, pid: 82, ppid: 81, startNs: 7n * SECOND }).exePath).toBe('/usr/sbin/apache2')
  })

  it.each([
    ['another exec_id', { execId: 4 }],
    ['another executable', { exeIno: 9n }],
    ['a parent that is younger', { startNs: 4n * SECOND }],
  ])('does not with %s', (_what, change) => {
    owners.onExec(exec(parent, '/usr/sbin/apache2', 'apache2'))
    expect(owners.resolve({ ...child, ...change }).exePath).toBeUndefined()
  })

  it("does not take a reused parent's program", () => {
    owners.onExec(exec({ ...parent, startNs: 8n * SECOND }, '/usr/bin/other', 'other'))
    expect(owners.resolve(child).exePath).toBeUndefined()
  })

  it('asks /proc about a parent that was never seen', () => {
    const exeIno = world.exe('bin/master')
    world.process({ pid: 80, startTicks: 500n, exe: 'bin/master', args: 'master\0' })
    const facts = owners.resolve({ ...child, exeIno })
    expect(facts.exePath).toBe(world.path('bin/master'))
    expect(facts.commandLine).toBeUndefined() // it may have started the same file with other arguments
  })
})

describe('/proc', () => {
  it('tells of a process that started before', () => {
    const exeIno = world.exe('bin/sshd')
    world.process({ pid: 90, startTicks: 1234n, comm: 'a) R 1 (b\n', exe: 'bin/sshd', args: 'sshd: listener\0' })
    const facts = owners.resolve(owner({ pid: 90, startNs: 1234n * TICK + 9_999_999n, exeIno }))
    expect(facts).toMatchObject({ exePath: world.path('bin/sshd'), commandLine: 'sshd: listener' })
    expect(facts.reasons.find((r) => r.field === 'exePath')?.from).toBe('/proc/90/exe')
  })

  it('is not believed about a pid that started at another time', () => {
    const exeIno = world.exe('bin/sshd')
    world.process({ pid: 90, startTicks: 1234n, exe: 'bin/sshd' })
    const old = owners.resolve(owner({ pid: 90, startNs: 1200n * TICK, exeIno }))
    expect(old.exePath).toBeUndefined()
    expect(old.commandLine).toBeUndefined()
    const late = owners.resolve(owner({ pid: 90, startNs: 1236n * TICK, exeIno }))
    expect(late.exePath).toBeUndefined()
    expect(world.owners().resolve(owner({ pid: 90, startNs: 1235n * TICK, exeIno })).exePath).toBe(world.path('bin/sshd'))
  })

  it('is not believed about a process that runs another program by now', () => {
    world.exe('bin/new')
    world.process({ pid: 90, startTicks: 100n, exe: 'bin/new' })
    expect(owners.resolve(owner({ pid: 90, startNs: 100n * TICK, exeIno: 4n })).exePath).toBeUndefined()
  })

  it('is not believed about the older of two processes of one pid, even within one tick', () => {
    const exeIno = world.exe('bin/churn')
    const first = owner({ pid: 95, startNs: 300n * TICK + 1n, exeIno })
    const second = owner({ pid: 95, startNs: 300n * TICK + 5n, exeIno, comm: 'second' })
    world.process({ pid: 95, startTicks: 300n, exe: 'bin/churn', args: 'second\0' })
    owners.onExec({ ...exec(second, '', 'second') })
    expect(owners.resolve(second).commandLine).toBe('second')
    expect(owners.resolve(first).commandLine).toBeUndefined()
  })

  it('is asked once about a process that is gone', () => {
    const exeIno = world.exe('bin/late')
    const who = owner({ pid: 96, startNs: 100n * TICK, exeIno })
    expect(owners.resolve(who).exePath).toBeUndefined()
    world.process({ pid: 96, startTicks: 100n, exe: 'bin/late' })
    world.clock.now += 60n * SECOND
    expect(owners.resolve(who).exePath).toBeUndefined()
  })

  it('says that an executable was deleted, and a file of that odd name is not', () => {
    const exeIno = world.exe('bin/odd (deleted)')
    world.process({ pid: 97, startTicks: 100n, exe: 'bin/odd (deleted)' })
    const facts = owners.resolve(owner({ pid: 97, startNs: 100n * TICK, exeIno }))
    expect(facts.exePath).toBe(world.path('bin/odd (deleted)'))
    expect(facts.exeDeleted).toBeUndefined()
    unlinkSync(world.path('bin/odd (deleted)'))
  })

  it('is read at start-up, so that a process that ends later is known', async () => {
    const exeIno = world.exe('bin/daemon')
    for (let pid = 100; pid < 140; pid++) world.process({ pid, startTicks: BigInt(pid), exe: 'bin/daemon', args: `d\0${pid}\0` })
    let turns = 0
    const timer = setInterval(() => turns++, 0)
    expect(await owners.boot({ budgetMs: 0 })).toMatchObject({ processes: 40 })
    clearInterval(timer)
    expect(turns).toBeGreaterThan(2)
    for (let pid = 100; pid < 140; pid++) world.end(pid)
    const who = owner({ pid: 117, startNs: 117n * TICK + 3n, exeIno, execId: 9 })
    expect(owners.resolve(who)).toMatchObject({ exePath: world.path('bin/daemon'), commandLine: 'd 117' })
    expect(owners.resolve({ ...who, startNs: 200n * TICK }).exePath).toBeUndefined()
  })

  it('stops reading when closed', async () => {
    for (let pid = 100; pid < 110; pid++) world.process({ pid, startTicks: 1n, exe: 'bin/daemon' })
    const booting = owners.boot({ budgetMs: 0 })
    owners.close()
    expect(await booting).toEqual({ processes: 0, cgroups: 0 })
  })
})

describe('stat', () => {
  it.each([
    ['', undefined],
    ['12 (x', undefined],
    ['12 (x) S', undefined],
    [`1 (a b) S 0 ${'0 '.repeat(17)}77 0`, { comm: 'a b', ppid: 0, startTicks: 77n }],
    [`1 () S 5 ${'0 '.repeat(17)}77 0`, { comm: '', ppid: 5, startTicks: 77n }],
    [`1 (x) S -1 ${'0 '.repeat(17)}77 0`, undefined],
  ])('%j', (text, expected) => {
    expect(parseStat(text)).toEqual(expected)
  })
})
