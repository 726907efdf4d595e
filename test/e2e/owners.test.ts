// SPDX-License-Identifier: Apache-2.0
// Who owns a flow when the socket was made by one process and is used by another, when the process is gone before
// anyone looks, and when a pid is used again. The servers answer with their own pid, which is the truth.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Daemon, type ApiFlow, daemonUnavailable } from '../lib/daemon.js'
import { Netns, unavailable } from '../lib/netns.js'
import { listening, Proc, run, until } from '../lib/process.js'
import { startTime, sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/owners: skipped, ${reason}`)

const PYTHON = '/usr/bin/python3'
const program = (name: string): string => fileURLToPath(new URL(`../lib/owners/${name}.py`, import.meta.url))

describe.skipIf(reason !== undefined)('owners of live flows', () => {
  let dir: TempDir
  let ns: Netns
  let daemon: Daemon
  let early: { server: Proc; client: Proc; port: number; serverPid: number; clientPid: number }
  const procs: Proc[] = []

  function start(argv: string[], talk = false): Proc {
    const proc = new Proc(argv, { netns: ns.name, cwd: dir.path, talk })
    procs.push(proc)
    return proc
  }

  const serve = (...args: (string | number)[]): Proc => start([PYTHON, program('serve'), ...args.map(String)])

  /** One connection; returns the client's port and pid, and the pid that answered. */
  async function connect(port: number, word = ''): Promise<{ local: number; client: number; server: number }> {
    const done = await run([PYTHON, program('client'), '127.0.0.1', String(port), word], { netns: ns.name })
    const [local, client, server] = done.stdout.trim().split(' ').map(Number) as [number, number, number]
    return { local, client, server }
  }

  /** Both ends of the connection from that port. */
  async function ends(local: number, port: number): Promise<{ client: ApiFlow; server: ApiFlow }> {
    let found: ApiFlow[] = []
    const match = (f: ApiFlow): boolean => f.view === 'socket' && f['source.port'] === local && f['destination.port'] === port
    await until(
      `both ends of ${local} > ${port}`,
      async () => {
        found = (await daemon.flows()).filter(match)
        return found.length >= 2
      },
      5000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}; found ${JSON.stringify(found)}`)
    })
    expect(found).toHaveLength(2)
    const part = (role: string): ApiFlow => {
      const flow = found.find((f) => f.role === role)
      if (flow === undefined) throw new Error(`no ${role} among ${JSON.stringify(found)}`)
      return flow
    }
    return { client: part('client'), server: part('server') }
  }

  /** Connects a few times; each flow must belong to the process that answered and to the client that asked. */
  async function served(port: number, times = 3): Promise<Set<number>> {
    const pids = new Set<number>()
    for (let i = 0; i < times; i++) {
      const c = await connect(port)
      const { client, server } = await ends(c.local, port)
      expect(client['process.pid']).toBe(c.client)
      expect(server['process.pid']).toBe(c.server)
      pids.add(c.server)
    }
    return pids
  }

  beforeAll(async () => {
    sweep()
    dir = new TempDir('owners')
    ns = new Netns('owners')
    const server = serve('idle', 7000)
    await listening(server, 7000)
    const client = start([PYTHON, program('client'), '127.0.0.1', '7000', 'idle'], true)
    await until('the early connection', () => client.stdout.includes('\n') || !client.running)
    early = { server, client, port: Number(client.stdout.split(' ')[0]), serverPid: server.pid, clientPid: client.pid }
    daemon = await Daemon.start(dir)
  })

  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    await Promise.all(procs.map((p) => p.stop('SIGKILL')))
    ns?.[Symbol.dispose]()
    dir?.[Symbol.dispose]()
  })

  it('sockets that were open before the start', async () => {
    early.client.say('hello\n')
    await until('an answer', () => early.client.stdout.split('\n').length > 2)
    const { client, server } = await ends(early.port, 7000)
    expect(client['process.pid']).toBe(early.clientPid)
    expect(server['process.pid']).toBe(early.serverPid)
    expect(server['process.command_line']).toContain('serve.py idle 7000')
  })

  it('a server that makes, accepts and answers', async () => {
    const proc = serve('plain', 7001)
    await listening(proc, 7001)
    expect(await served(7001)).toEqual(new Set([proc.pid]))
  })

  it('children that accept from a listener of their parent', async () => {
    const proc = serve('prefork', 7002, 3)
    await listening(proc, 7002)
    const pids = await served(7002, 6)
    expect(pids.has(proc.pid)).toBe(false)
  })

  it('a socket that another program made and left open', async () => {
    const proc = serve('activate', 7003)
    await listening(proc, 7003)
    const [pid] = await served(7003)
    expect(pid).not.toBe(proc.pid)
    const c = await connect(7003)
    expect((await ends(c.local, 7003)).server['process.command_line']).toContain('serve.py inherited')
  })

  it('socket activation by systemd', async () => {
    const activate = ['systemd-socket-activate', '-l', '7004', PYTHON, program('serve'), 'inherited']
    const proc = start(activate)
    await listening(proc, 7004)
    await served(7004)
    const c = await connect(7004)
    expect((await ends(c.local, 7004)).server['process.command_line']).toContain('serve.py inherited')
  })

  it('a program that replaced the one that made the socket', async () => {
    const proc = serve('exec', 7005)
    await listening(proc, 7005)
    expect(await served(7005)).toEqual(new Set([proc.pid]))
    const c = await connect(7005)
    const { server } = await ends(c.local, 7005)
    expect(server['process.executable.path']).toMatch(/\/perl/)
    expect(server['process.command_line']).toMatch(/^perl -e/)
  })

  it('a listener passed over a Unix socket', async () => {
    const path = dir.file('pass.sock')
    const giver = serve('pass', 7006, path)
    const taker = serve('take', path)
    await listening(giver, 7006)
    expect(await served(7006)).toEqual(new Set([taker.pid]))
  })

  it('connections passed over a Unix socket', async () => {
    const path = dir.file('passeach.sock')
    const giver = serve('passeach', 7007, path)
    const taker = serve('takeeach', path)
    await listening(giver, 7007)
    expect(await served(7007)).toEqual(new Set([taker.pid]))
  })

  it('clients that are gone before anyone looks', async () => {
    const proc = serve('plain', 7008)
    await listening(proc, 7008)
    const gone = await Promise.all(Array.from({ length: 20 }, (_, i) => connect(7008, `word-${i}`)))
    for (const [i, c] of gone.entries()) {
      expect(startTime(c.client)).toBeUndefined()
      const { client } = await ends(c.local, 7008)
      expect(client['process.pid']).toBe(c.client)
      expect(client['process.command_line']).toContain(`word-${i}`)
      expect(client['process.executable.path']).toMatch(/\/python3/)
    }
  })

  it('a pid that is used again', async () => {
    const proc = serve('plain', 7009)
    await listening(proc, 7009)
    const done = await run([PYTHON, program('reuse'), '127.0.0.1', '7009', 'first', 'second'], { netns: ns.name, codes: [0, 3] })
    if (done.code === 3) throw new Error('other processes took the pid each time: run again on a calmer host')
    const [first, second] = done.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number)) as [number[], number[]]
    expect(first[1]).toBe(second[1])
    for (const [c, word] of [
      [first, 'first'],
      [second, 'second'],
    ] as const) {
      const { client } = await ends(c[0] as number, 7009)
      expect(client['process.pid']).toBe(c[1])
      expect(client['process.command_line']).toMatch(new RegExp(` ${word}$`))
    }
  })
})
