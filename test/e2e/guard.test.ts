// SPDX-License-Identifier: Apache-2.0
// Rules do not lock out who applies them: real SSH sessions into the daemon's namespace, and the API on an interface that is watched.
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { CLIENT, Pair, SERVER, unavailable } from '../lib/netns.js'
import { type Finished, Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { type Shell, sshd } from '../lib/servers/system.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/guard: skipped, ${reason}`)

const SSH = 2222
const API = 19_191
const rule = (name: string, match: string, action = 'drop'): string => `  - { name: ${name}, action: ${action}, match: ${match} }\n`
const set = (...rules: string[]): string => `rules:\n${rules.join('')}`
const CLOSED = set(rule('closed', '{ transport: tcp, destination: { ports: [2200-2300] } }'))

describe.skipIf(reason !== undefined)('the lock-out guard', () => {
  let dir: TempDir
  let pair: Pair
  let shell: Shell
  let procs: Proc[] = []

  beforeEach(async () => {
    sweep()
    dir = new TempDir('guard')
    pair = new Pair()
    shell = await sshd(pair.server.name, dir, SSH)
  })
  afterEach(async () => {
    await Promise.all([...procs, shell.proc].map((p) => p.stop('SIGKILL')))
    procs = []
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  const start = (rules = 'rules: []', more = ''): Promise<Daemon> => {
    const folder = dir.dir('rules.d')
    writeFileSync(`${folder}/10-test.yaml`, rules)
    return Daemon.start(dir, {
      netns: pair.server.name,
      interfaces: ['e0', 'lo'],
      listen: [`127.0.0.1:${API}`],
      config: `rules:\n  folder: ${folder}\n${more}`,
    })
  }
  const sshTo = (address: string): string[] => [
    ...['ssh', '-F', 'none', '-i', shell.identity, '-p', String(SSH), '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=3'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', `root@${address}`],
  ]
  /** A command in a session of its own. */
  const ssh = (command: string, address: string = SERVER.v4): Promise<Finished> =>
    run([...sshTo(address), command], { netns: pair.client.name, codes: [] })
  const apply = (daemon: Daemon, rules: string, ...more: string[]): string[] =>
    commandLine('rules', 'apply', dir.file('new.yaml', rules), '--url', `unix:${daemon.socket}`, ...more)
  /** Applied by a command that runs in an SSH session; `before`: what the shell runs it with. */
  const applyBySsh = (daemon: Daemon, rules: string, before = '', address: string = SERVER.v4): Promise<Finished> =>
    ssh(`${before} ${apply(daemon, rules).join(' ')}; exit $?`, address)
  /** Applied by somebody at the console. */
  const applyHere = (daemon: Daemon, rules: string, ...more: string[]): Promise<Finished> =>
    run(apply(daemon, rules, ...more), { codes: [], env: { SSH_CONNECTION: '' } })
  const names = async (daemon: Daemon): Promise<string[]> =>
    ((await daemon.get('/api/v1/rules')).body as { rules: { name: string }[] }).rules.map(({ name }) => name)

  it('refuses what would cut off the session it comes from, and takes what would not', { timeout: 240_000 }, async () => {
    await using daemon = await start()
    const refused: readonly (readonly [string, string])[] = [
      ['closed', CLOSED],
      ['no-ssh', set(rule('no-ssh', '{ protocol: ssh }'))],
      ['no-syn', set(rule('no-syn', '{ direction: in, tcp_flags: syn, not: { source: { cidrs: 192.0.2.0/24 } } }'))],
      ['mute', set(rule('fine', '{ transport: udp }'), rule('mute', `{ direction: out, destination: { cidrs: ${CLIENT.v4} } }`))],
    ]
    for (const [name, rules] of refused) {
      const { code, stderr } = await applyBySsh(daemon, rules)
      expect(stderr, name).toMatch(new RegExp(`new\\.yaml:\\d+: ${name} would cut off the SSH session from ${CLIENT.v4}:\\d+, in which`))
      expect(stderr).toContain(`--override-guard ${name}`)
      expect(code).toBe(1)
    }
    expect(await names(daemon)).toEqual([])
    const six = await applyBySsh(daemon, CLOSED, '', SERVER.v6)
    expect(six.stderr).toContain(`closed would cut off the SSH session from [${CLIENT.v6}]:`)
    // sudo takes the variable out of the environment, the shell above still has it
    const without = await applyBySsh(daemon, CLOSED, 'env -u SSH_CONNECTION')
    expect(without.stderr).toContain(', in which the rules are applied')
    const taken = [
      set(
        rule('office', `{ source: { cidrs: ${CLIENT.v4} } }`, 'pass'),
        rule('answers', '{ reply: true }', 'pass'),
        rule('closed', '{ destination: { ports: 2222 } }'),
      ),
      set(rule('elsewhere', '{ interface: e9, transport: tcp }')),
      set(rule('others', '{ destination: { ports: 2222 }, source: { cidrs: 192.0.2.0/24 } }')),
    ]
    for (const rules of taken) expect((await applyBySsh(daemon, rules)).stderr).toBe('')
    expect(await names(daemon)).toEqual(['others'])
  })

  it('knows the sessions of others, but nobody who is not logged in; gives way to a name', { timeout: 240_000 }, async () => {
    await using daemon = await start()
    const other = new Proc([...sshTo(SERVER.v4), 'echo in; sleep 60'], { netns: pair.client.name })
    procs.push(other)
    await until('the session', () => other.stdout.includes('in'))
    const refused = await applyHere(daemon, CLOSED)
    expect(refused.stderr).toMatch(/closed would cut off the SSH session from 10\.77\.0\.2:\d+\n/)
    const wrong = await applyHere(daemon, CLOSED, '--override-guard', 'open')
    expect(wrong.code).toBe(1)
    expect(await names(daemon)).toEqual([])
    expect((await applyHere(daemon, CLOSED, '--override-guard', 'closed')).stdout).toBe('1 rules are in force\n')
    expect((await ssh('true')).code).toBe(255)
    expect((await applyHere(daemon, 'rules: []')).code).toBe(0)
    await other.stop('SIGKILL')

    const stranger = new Proc(
      [
        'python3',
        '-c',
        `import socket; s = socket.create_connection(('${SERVER.v4}', ${SSH})); print(s.recv(50), flush=True); s.recv(50); input()`,
      ],
      {
        netns: pair.client.name,
        talk: true,
      },
    )
    procs.push(stranger)
    await until('the greeting', () => stranger.stdout.includes('SSH-2.0'))
    await until('the end of the session before', async () => (await applyHere(daemon, CLOSED)).code === 0, 20_000)
    expect(stranger.running).toBe(true)
    expect((await ssh('true')).code).toBe(255)
  })

  it('keeps the API reachable, and checks the folder of the start', { timeout: 240_000 }, async () => {
    const api = set(rule('no-api', `{ destination: { ports: ${API} } }`), rule('no-telnet', '{ destination: { ports: 23 } }'))
    {
      await using daemon = await start(api)
      expect(daemon.proc.stdout + daemon.proc.stderr).toContain('1 of 2 rules are left out: they would lock out who administers this host')
      expect(await names(daemon)).toEqual(['no-telnet'])
      const shown = await run(commandLine('rules', 'show', '--url', `unix:${daemon.socket}`), { codes: [] })
      expect(shown.stderr).toContain(`no-api would cut off the API at 127.0.0.1:${API}`)
      const again = await applyHere(daemon, api)
      expect(again.stderr).toContain(`no-api would cut off the API at 127.0.0.1:${API} for 127.0.0.1`)
    }
    await using daemon = await start(api, '  override_guard: [no-api]\n')
    expect(await names(daemon)).toEqual(['no-api', 'no-telnet'])
    const asked = await run(['curl', '-sm', '2', `http://127.0.0.1:${API}/healthz`], { netns: pair.server.name, codes: [] })
    expect(asked.code).not.toBe(0)
  })
})
