// SPDX-License-Identifier: Apache-2.0
// What outlives the daemon: rules, verdicts and counters, while packets come all the time; and how all of it goes away again.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, run, until } from '../lib/process.js'
import { note, remove, sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/keep: skipped, ${reason}`)

/** Times that the daemon is killed while it starts. */
const KILLS = 8
const RULES = `rules:
  - name: no-9999
    action: drop
    match: { transport: udp, destination: { ports: [9999] } }
  - name: no-redis
    action: drop
    match: { protocol: redis }
`

/** Counts datagrams of each port until it is told to stop; prints the counts on each line that it reads. */
const COUNT = `
import socket, sys, select
socks = {p: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for p in (9999, 9998)}
for p, s in socks.items():
    s.bind((sys.argv[1], p))
n = dict.fromkeys(socks, 0)
print('ready', flush=True)
while True:
    for s in select.select(list(socks.values()) + [sys.stdin], [], [])[0]:
        if s is sys.stdin:
            if not s.readline():
                sys.exit()
            print(n[9999], n[9998], flush=True)
        else:
            s.recv(2000)
            n[s.getsockname()[1]] += 1
`
/** A thousand datagrams a second to each port; prints how many each got when its input ends. */
const SEND = `
import socket, sys, time, select
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n = 0
print('ready', flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    for p in (9999, 9998):
        try:
            s.sendto(b'x%d' % n, (sys.argv[1], p))
        except OSError:
            pass
    n += 1
print(n, flush=True)
`
/** A TCP server that says what came after the first message; and a client that greets as Redis does, then goes on. */
const SINK = `
import socket, sys, threading
s = socket.create_server((sys.argv[1], 7777))
print('ready', flush=True)
def talk(c):
    while d := c.recv(1000):
        print(len(d), flush=True)
        c.sendall(b'+OK\\r\\n')
while True:
    c, _ = s.accept()
    threading.Thread(target=talk, args=(c,), daemon=True).start()
`
const TALK = `
import socket, sys, time
c = socket.create_connection((sys.argv[1], 7777), timeout=2)
print('ready', flush=True)
while True:
    c.send(b'*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\nk\\r\\n$1\\r\\nv\\r\\n')
    time.sleep(0.05)
`

describe.skipIf(reason !== undefined)('kept in the kernel', () => {
  let dir: TempDir
  let pair: Pair
  let folder = ''
  let procs: Proc[] = []

  beforeEach(async () => {
    sweep()
    dir = new TempDir('keep')
    pair = new Pair()
    // a BPF file system of its own: a crashed test leaves nothing in that of the host
    const mount = dir.dir('bpf')
    note('mount', mount)
    await run(['mount', '-t', 'bpf', 'bpf', mount])
    folder = `${mount}/flowident`
  })
  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop('SIGKILL')))
    procs = []
    pair[Symbol.dispose]()
    remove('mount', dir.dir('bpf'))
    dir[Symbol.dispose]()
  })

  const start = (rules: string, enabled = true): Promise<Daemon> => {
    const files = dir.dir('rules.d')
    writeFileSync(`${files}/10-test.yaml`, rules)
    const keep = `keep:\n  enabled: ${enabled}\n  folder: ${folder}\n  state: ${dir.dir('state')}\n`
    return Daemon.start(dir, { netns: pair.server.name, interfaces: ['e0'], config: `rules:\n  folder: ${files}\n${keep}` })
  }
  const python = async (netns: string, program: string): Promise<Proc> => {
    const proc = new Proc(['python3', '-c', program, SERVER.v4], { netns, talk: true })
    procs.push(proc)
    await until('the helper', () => proc.stdout.includes('ready'))
    return proc
  }
  const rulePackets = async (daemon: Daemon): Promise<number[]> =>
    ((await daemon.get('/api/v1/rules')).body as { rules: { packets: number }[] }).rules.map(({ packets }) => packets)
  const inForce = async (daemon: Daemon): Promise<boolean> => ((await daemon.get('/api/v1/rules')).body as { in_force: boolean }).in_force
  const cli = (daemon: Daemon, ...args: string[]) => run(commandLine(...args, '--url', `unix:${daemon.socket}`), { codes: [] })
  const down = () => run(commandLine('down', '--folder', folder), { codes: [] })
  const attached = async (): Promise<string> =>
    (await run(['ip', '-d', 'link', 'show', 'dev', 'e0'], { netns: pair.server.name })).stdout.includes('prog/xdp') ? 'xdp' : 'nothing'
  const logOf = (daemon: Daemon): string => daemon.proc.stdout + daemon.proc.stderr

  it('not a packet of a dropped flow passes while the daemon is killed and started again, and no counter goes back', {
    timeout: 120_000,
  }, async () => {
    const counter = await python(pair.server.name, COUNT)
    const sink = await python(pair.server.name, SINK)
    let daemon = await start(RULES)
    try {
      const sender = await python(pair.client.name, SEND)
      await python(pair.client.name, TALK)
      let before = [0, 0]
      await until('both rules to drop', async () => {
        before = await rulePackets(daemon)
        return (before[0] ?? 0) > 100 && (before[1] ?? 0) > 1
      })
      const told = sink.stdout
      for (let round = 0; round < 3; round++) {
        await daemon.proc.stop('SIGKILL')
        expect(await attached()).toBe('xdp')
        await new Promise((resolve) => setTimeout(resolve, 300))
        daemon = await start(RULES)
        expect(logOf(daemon)).toContain('the rules of the process before are in force')
        const now = await rulePackets(daemon)
        expect(now[0]).toBeGreaterThan((before[0] ?? 0) + 200) // those that came meanwhile are counted too
        expect(now[1]).toBeGreaterThanOrEqual(before[1] ?? 0)
        before = now
      }
      // the flow that was known as redis stays dropped: the server has heard nothing more
      expect(sink.stdout).toBe(told)
      const flows = await daemon.flows({ q: 'protocol:redis view:wire' })
      expect(flows.length).toBe(1)
      sender.say('stop\n')
      await until('the sender to end', () => /\d/.test(sender.stdout))
      const sent = Number(/\d+/.exec(sender.stdout)?.[0])
      await new Promise((resolve) => setTimeout(resolve, 200))
      counter.say('how many\n')
      await until('the counts', () => /\d+ \d+/.test(counter.stdout))
      const [dropped, passed] = (/(\d+) (\d+)/.exec(counter.stdout) ?? []).slice(1).map(Number)
      expect(dropped).toBe(0)
      expect(passed).toBe(sent) // and what may pass, does
      expect(sent).toBeGreaterThan(2000)
    } finally {
      await daemon.proc.stop('SIGINT')
    }
    // stopped in good order it stays as well, until it is taken down
    expect(await attached()).toBe('xdp')
    const gone = await down()
    expect(gone.stdout).toMatch(/^removed \d+ objects from .*; nothing of flowident is attached any more\n$/)
    expect(await attached()).toBe('nothing')
    expect(existsSync(folder)).toBe(false)
    expect((await down()).code).toBe(3)
  })

  it('killed at any moment of its start, and while rules are applied, it lets no packet of a dropped flow pass', {
    timeout: 300_000,
  }, async () => {
    const counter = await python(pair.server.name, COUNT)
    const began = performance.now()
    let daemon = await start(RULES)
    const startMs = performance.now() - began
    try {
      const sender = await python(pair.client.name, SEND)
      await until('drops', async () => ((await rulePackets(daemon))[0] ?? 0) > 100)
      const before = (await rulePackets(daemon))[0] ?? 0
      await daemon.proc.stop('SIGKILL')
      const [, , config = ''] = /(--config) (\S+)/.exec(daemon.proc.argv.join(' ')) ?? []
      for (let i = 1; i <= KILLS; i++) {
        const half = new Proc(commandLine('run', '--config', config), { netns: pair.server.name })
        await new Promise((resolve) => setTimeout(resolve, (startMs * i) / KILLS))
        await half.stop('SIGKILL')
        expect(await attached()).toBe('xdp')
      }
      // Each set drops the port; the daemon is killed in the middle of replacing one by the other.
      const sets = [RULES, RULES.replace('no-9999', 'never-9999')].map((text, i) => dir.file(`${i}.yaml`, text))
      for (let i = 0; i < 3; i++) {
        daemon = await start(RULES)
        const now = (await rulePackets(daemon))[0] ?? 0
        if (i === 0) expect(now).toBeGreaterThan(before)
        expect(await inForce(daemon)).toBe(true)
        const { socket, proc } = daemon
        const applying = sets.map((file) => run(commandLine('rules', 'apply', file, '--url', `unix:${socket}`), { codes: [] }))
        await Promise.race(applying)
        await proc.stop('SIGKILL')
        await Promise.all(applying)
      }
      daemon = await start(RULES)
      expect(await inForce(daemon)).toBe(true)
      sender.say('stop\n')
      await until('the sender to end', () => /\d/.test(sender.stdout))
      await new Promise((resolve) => setTimeout(resolve, 200))
      counter.say('how many\n')
      await until('the counts', () => /\d+ \d+/.test(counter.stdout))
      // the other port lost nothing either
      expect(/(\d+) (\d+)/.exec(counter.stdout)?.slice(1).map(Number)).toEqual([0, Number(/\d+/.exec(sender.stdout)?.[0])])
    } finally {
      await daemon.proc.stop('SIGINT')
      await down()
    }
    expect(await attached()).toBe('nothing')
  })

  it('a version with other tables takes over rules and attachments without a gap, and clears away the old tables', {
    timeout: 120_000,
  }, async () => {
    const counter = await python(pair.server.name, COUNT)
    let daemon = await start('rules: []')
    try {
      expect((await cli(daemon, 'rules', 'apply', dir.file('applied.yaml', RULES))).code).toBe(0)
      const sender = await python(pair.client.name, SEND)
      await until('drops', async () => ((await rulePackets(daemon))[0] ?? 0) > 100)
      const tables = () => readdirSync(folder).filter((name) => name.startsWith('maps-'))
      const [own = ''] = tables()
      await daemon.proc.stop('SIGKILL')
      // What another version would have left: a layout that this one does not know.
      renameSync(`${folder}/${own}`, `${folder}/maps-0000000000000000`)
      daemon = await start('rules: []')
      expect(await inForce(daemon)).toBe(true)
      expect(logOf(daemon)).toContain('another version was here')
      expect(tables()).toEqual([own])
      const first = (await rulePackets(daemon))[0] ?? 0
      await until('drops by the new tables', async () => ((await rulePackets(daemon))[0] ?? 0) > first)
      sender.say('stop\n')
      await until('the sender to end', () => /\d/.test(sender.stdout))
      await new Promise((resolve) => setTimeout(resolve, 200))
      counter.say('how many\n')
      await until('the counts', () => /\d+ \d+/.test(counter.stdout))
      expect(/(\d+) (\d+)/.exec(counter.stdout)?.slice(1).map(Number)).toEqual([0, Number(/\d+/.exec(sender.stdout)?.[0])])

      // Switched off under one version, rules stay off under the next, and under the one after that.
      expect((await run(commandLine('rules', 'off'), { codes: [] })).code).toBe(0)
      for (let i = 0; i < 2; i++) {
        await daemon.proc.stop('SIGKILL')
        if (i === 0) renameSync(`${folder}/${own}`, `${folder}/maps-0000000000000000`)
        daemon = await start('rules: []')
        expect(await inForce(daemon)).toBe(false)
        expect((await cli(daemon, 'rules', 'show')).stdout).toContain('no-9999')
      }
    } finally {
      await daemon.proc.stop('SIGINT')
      await down()
    }
  })

  it('what was applied is in force after a restart; switched off while no daemon runs, rules stay off', { timeout: 120_000 }, async () => {
    let daemon = await start('rules: []')
    try {
      const file = dir.file('applied.yaml', RULES)
      expect((await cli(daemon, 'rules', 'apply', file)).stdout).toBe('2 rules are in force\n')
      await daemon.proc.stop('SIGKILL')
      daemon = await start('rules: []')
      expect(logOf(daemon)).toContain('the rules applied last are in force')
      expect(await inForce(daemon)).toBe(true)
      expect((await cli(daemon, 'rules', 'show')).stdout).toContain('no-9999')
      await daemon.proc.stop('SIGKILL')
      expect((await run(commandLine('rules', 'off'), { codes: [] })).stdout).toContain('rules are off')
      for (let round = 0; round < 2; round++) {
        daemon = await start('rules: []')
        expect(logOf(daemon)).toContain('switched off and stay so')
        expect(await inForce(daemon)).toBe(false)
        await daemon.proc.stop('SIGKILL')
      }
      daemon = await start('rules: []')
      expect((await cli(daemon, 'rules', 'apply', file)).stdout).toBe('2 rules are in force\n')
      expect(await inForce(daemon)).toBe(true)
    } finally {
      await daemon.proc.stop('SIGINT')
    }
  })

  it('rules on trial go by themselves, also when the daemon is dead by then; confirmed they stay', { timeout: 120_000 }, async () => {
    const file = dir.file('trial.yaml', RULES)
    const counter = await python(pair.server.name, COUNT)
    await python(pair.client.name, SEND)
    /** Datagrams to port 9999 that the server got so far. */
    const got = async (): Promise<number> => {
      const before = counter.stdout.length
      counter.say('how many\n')
      await until('the counts', () => /\d+ \d+\n/.test(counter.stdout.slice(before)))
      return Number(/(\d+) \d+\n/.exec(counter.stdout.slice(before))?.[1])
    }
    const passing = async (ms = 300): Promise<boolean> => {
      const before = await got()
      await new Promise((resolve) => setTimeout(resolve, ms))
      return (await got()) > before
    }
    let daemon = await start('rules: []')
    const names = async (): Promise<unknown> =>
      ((await daemon.get('/api/v1/rules')).body as { rules: { name: string }[] }).rules.map(({ name }) => name)
    try {
      expect((await cli(daemon, 'rules', 'confirm')).code).toBe(3)
      expect((await cli(daemon, 'rules', 'apply', file, '--confirm-within', 'soon')).stderr).toContain('expected a time such as 60s or 5m')
      expect((await cli(daemon, 'rules', 'apply', file, '--confirm-within', '1s')).stderr).toContain('confirm_within')

      const applied = await cli(daemon, 'rules', 'apply', file, '--confirm-within', '10s')
      expect(applied.stdout).toBe('2 rules are in force for 10 s; `flowident rules confirm` keeps them\n')
      expect((await cli(daemon, 'rules', 'show')).stderr).toMatch(/on trial for another \d+ s/)
      expect((await cli(daemon, 'rules', 'apply', file)).stderr).toContain('on trial')
      expect(await passing()).toBe(false)
      await until('the rules to go', passing)
      expect(await names()).toEqual([])

      // killed while the set is on trial: it goes although nobody lives
      await cli(daemon, 'rules', 'apply', file, '--confirm-within', '10s')
      await daemon.proc.stop('SIGKILL')
      expect(await passing()).toBe(false)
      await until('the rules to go by themselves', passing)
      daemon = await start('rules: []')
      expect(logOf(daemon)).toContain('not confirmed')
      expect(await names()).toEqual([])

      // killed and started again in time: still on trial, and confirmed then
      await cli(daemon, 'rules', 'apply', file, '--confirm-within', '1m')
      await daemon.proc.stop('SIGKILL')
      daemon = await start('rules: []')
      expect(await passing()).toBe(false)
      expect((await cli(daemon, 'rules', 'show')).stderr).toMatch(/on trial for another [45]\d s/)
      expect((await cli(daemon, 'rules', 'confirm')).stdout).toBe('2 rules are in force for good\n')
      expect((await cli(daemon, 'rules', 'show')).stderr).not.toContain('on trial')
      expect(await passing(1000)).toBe(false)
      // a set on trial over another one: that one is back with its counters
      const [before = 0] = await rulePackets(daemon)
      await cli(daemon, 'rules', 'apply', dir.file('none.yaml', 'rules: []'), '--confirm-within', '10s')
      expect(await passing()).toBe(true)
      await until('the rules to be back', async () => !(await passing()))
      expect(await names()).toEqual(['no-9999', 'no-redis'])
      expect((await rulePackets(daemon))[0]).toBeGreaterThan(before)
    } finally {
      await daemon.proc.stop('SIGINT')
    }
  })

  it('one daemon at a time; one that keeps nothing removes what was kept', { timeout: 120_000 }, async () => {
    const first = await start(RULES)
    try {
      await expect(start(RULES)).rejects.toThrow(/another flowident runs and keeps its programs in/)
      expect((await down()).stderr).toContain('another flowident runs')
      expect((await first.get('/readyz')).status).toBe(200)
    } finally {
      await first.proc.stop('SIGINT')
    }
    expect(await attached()).toBe('xdp')
    const second = await start(RULES, false)
    expect(logOf(second)).toContain('removed what an earlier process kept')
    await second.proc.stop('SIGINT')
    expect(await attached()).toBe('nothing')
    expect(existsSync(folder)).toBe(false)
    expect(readFileSync(`${dir.dir('state')}/rules.json`, 'utf8')).toContain('no-redis')
  })
})
