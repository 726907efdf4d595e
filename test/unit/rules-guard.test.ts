// SPDX-License-Identifier: Apache-2.0
// What the lock-out guard takes for a lifeline, and which rules cut one off.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sshConnectionOf } from '../../src/cli/ssh-connection.js'
import type { FlowidentError } from '../../src/errors.js'
import { FlowTable } from '../../src/flows/table.js'
import { parseTcpSockets } from '../../src/owners/tcp-sockets.js'
import { guard } from '../../src/rules/guard.js'
import { Lifelines } from '../../src/rules/lifelines.js'
import { loadRules } from '../../src/rules/load.js'
import { TempDir } from '../lib/temp.js'
import { type FlowSpec, viewOfRecord } from './support/records.js'

const HEADING = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const line = (local: string, remote: string, state: string, inode: number): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000000000000000 20 4 30 10 -1\n`
/** 10.0.0.1:22, 10.0.0.1:9000, 127.0.0.1:19100; peers 192.0.2.7:50000, 192.0.2.8:40000. */
const [SSH, API, LOCAL, PEER, OTHER] = ['0100000A:0016', '0100000A:2328', '0100007F:4A9C', '070200C0:C350', '080200C0:9C40']
const SIX = ['000080FE000000000000000001000000:0016', 'B80D0120000000000000000009000000:C351']
const SESSION = '192.0.2.7 50000 10.0.0.1 22'

describe('the lock-out guard', () => {
  let dir: TempDir
  beforeAll(() => {
    dir = new TempDir('guard')
  })
  afterAll(() => dir[Symbol.dispose]())

  function process(proc: string, pid: number, title: string, inode: number, exe = '/usr/sbin/sshd'): void {
    mkdirSync(`${proc}/${pid}/fd`, { recursive: true })
    writeFileSync(`${proc}/${pid}/comm`, 'sshd\n')
    writeFileSync(`${proc}/${pid}/cmdline`, `${title}\0`)
    symlinkSync(exe, `${proc}/${pid}/exe`)
    symlinkSync('/dev/null', `${proc}/${pid}/fd/0`)
    symlinkSync(`socket:[${inode}]`, `${proc}/${pid}/fd/4`)
  }

  let worlds = 0
  /** A host with eth0 (10.0.0.1), the bridge br0 (fe80::1) over eth1, and lo; all watched. */
  function world(
    sockets: readonly string[],
    flows: readonly FlowSpec[] = [],
    titles: readonly (readonly [string, string?])[] = [],
  ): Lifelines {
    const proc = dir.dir(`${++worlds}/proc`)
    const sys = dir.dir(`${worlds}/sys`)
    mkdirSync(`${proc}/self/net`, { recursive: true })
    writeFileSync(`${proc}/self/net/tcp`, HEADING + sockets.filter((each) => each.length < 150).join(''))
    writeFileSync(`${proc}/self/net/tcp6`, HEADING + sockets.filter((each) => each.length >= 150).join(''))
    for (const [i, [title, exe]] of titles.entries()) process(proc, 100 + i, title, 500 + i, exe)
    mkdirSync(`${sys}/class/net/br0/lower_eth1`, { recursive: true })
    const table = new FlowTable({ flows: 16, history: 16, labelBytes: 1000, idle: { tcp: 1000, udp: 1000, other: 1000 } })
    for (const [i, flow] of flows.entries()) table.put(viewOfRecord({ id: BigInt(i + 1), view: 2, ...flow }))
    const named = (name: string, index: number) => ({ name, index, device: true, loopback: name === 'lo' })
    return new Lifelines({
      roots: { proc, sys },
      watched: () => [named('lo', 1), named('eth0', 2), named('eth1', 3), named('br0', 4)],
      addresses: () => ({
        lo: [{ address: '127.0.0.1' }, { address: '::1' }],
        eth0: [{ address: '10.0.0.1' }, { address: 'fe80::2%eth0' }],
        br0: [{ address: 'fe80::1' }],
      }),
      table,
      api: () => [
        { address: '127.0.0.1', port: 19_100 },
        { address: '0.0.0.0', port: 9000 },
      ],
    })
  }

  const rules = (...list: string[]) =>
    loadRules([{ name: 'r.yaml', text: `rules:\n${list.map((each) => `  - ${each}\n`).join('')}` }]).rules
  const drop = (match: string, name = 'r'): string => `{ name: ${name}, action: drop, match: ${match} }`
  /** What is cut off by these rules, in the words of the refusal. */
  async function cut(lifelines: Lifelines, list: readonly string[], session?: string, override: readonly string[] = []): Promise<string[]> {
    try {
      guard(rules(...list), await lifelines.find(session), override)
      return []
    } catch (error) {
      expect((error as FlowidentError).code).toBe('rules-lock-out')
      return [...(error as FlowidentError).details]
    }
  }

  it.each([
    [true, '{}'],
    [true, '{ destination: { ports: 22 } }'],
    [true, '{ source: { ports: 22 }, direction: out }'],
    [true, '{ interface: "eth*", transport: tcp }'],
    [true, '{ interface: eth0, tcp_flags: [syn], not: { tcp_flags: ack } }'],
    [true, '{ direction: out, reply: true, transport: tcp, tcp_flags: [syn, ack] }'],
    [true, '{ source: { cidrs: 192.0.2.0/24 } }'],
    [true, '{ layer: ssh }'],
    [true, '{ protocol: ssh, confidence: confirmed, direction: in }'],
    [true, '{ not: { protocol: http1 }, transport: tcp }'],
    [false, '{ interface: eth1 }'],
    [false, '{ interface: lo, transport: tcp, destination: { ports: 22 } }'],
    [false, '{ direction: out, destination: { ports: 22 } }'],
    [false, '{ source: { cidrs: 192.0.2.8 } }'],
    [false, '{ transport: udp }'],
    [false, '{ ip_version: 6 }'],
    [false, '{ protocol: http1, destination: { ports: 22 } }'],
    [false, '{ protocol: unknown, transport: tcp }'],
    [false, '{ direction: out, reply: false, destination: { cidrs: 192.0.2.0/24 } }'],
    [false, '{ vlan: 5, destination: { ports: 22 } }'],
  ])('the session that asks: cut off %s by %s', async (is, match) => {
    const said = await cut(world([]), [drop(match)], SESSION)
    const own = said.filter((each) => each.includes('the SSH session'))
    for (const each of own) expect(each).toMatch(/^r\.yaml:2: r would cut off the SSH session from 192\.0\.2\.7:50000, in which/)
    expect(own.length).toBe(is ? 1 : 0)
  })

  it('what passes in front counts, and what only counts does not', async () => {
    const all = drop('{ transport: tcp }')
    const office = '{ name: office, action: pass, match: { source: { cidrs: 192.0.2.7 }, reply: false } }'
    const answers = '{ name: answers, action: pass, match: { reply: true, source: { ports: [22, 19100, 9000] } } }'
    const here = '{ name: here, action: pass, match: { source: { cidrs: 127.0.0.0/8 } } }'
    expect(await cut(world([]), [office, answers, here, all], SESSION)).toEqual([])
    expect(await cut(world([]), [office, here, all], SESSION)).toHaveLength(1)
    expect(await cut(world([]), [all.replace('match', 'audit: true, match')], SESSION)).toEqual([])
    expect(await cut(world([]), [all], SESSION, ['r'])).toEqual([])
    expect(
      await cut(world([]), [drop('{ transport: tcp }', 'a'), drop('{ destination: { ports: 22 } }', 'b')], SESSION, ['b']),
    ).toHaveLength(1)
  })

  it('tags and what is known of the flow come from the table', async () => {
    const flow = { local: '10.0.0.1', localPort: 22, remote: '192.0.2.7', remotePort: 50_000, ifindex: 3, state: 2, layers: [] as string[] }
    expect(await cut(world([], [flow]), [drop('{ protocol: unknown, transport: tcp }')], SESSION)).toHaveLength(1)
    expect(await cut(world([], [flow]), [drop('{ interface: eth1, destination: { ports: 22 } }')], SESSION)).toHaveLength(1)
    const spoken = { ...flow, layers: ['ssh'], confidence: 2 }
    expect(await cut(world([], [spoken]), [drop('{ protocol: unknown, transport: tcp }')], SESSION)).toEqual([])
    expect(await cut(world([], [{ ...flow, view: 1 }]), [drop('{ protocol: unknown, transport: tcp }')], SESSION)).toEqual([])
  })

  it('sessions of others are those of OpenSSH in which somebody is logged in', async () => {
    const sockets = [line(SSH as string, PEER as string, '01', 500)]
    const closed = [drop('{ destination: { ports: 22 } }')]
    for (const title of ['sshd: alice@pts/0', 'sshd-session: bob@notty', 'sshd: carol'])
      expect(await cut(world(sockets, [], [[title]]), closed)).toEqual(['r.yaml:2: r would cut off the SSH session from 192.0.2.7:50000'])
    const not = [
      'sshd: unknown [preauth]',
      'sshd: root [net]',
      'sshd: [accepted]',
      'sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups',
      'nginx',
    ]
    for (const title of not) expect(await cut(world(sockets, [], [[title]]), closed), title).toEqual([])
    expect(await cut(world(sockets, [], [['sshd: mallory@pts/9', '/home/mallory/x']]), closed)).toEqual([])
    expect(await cut(world(sockets, [], [['sshd: alice@pts/0', '/usr/sbin/sshd (deleted)']]), closed)).toHaveLength(1)
    const own = (await cut(world(sockets, [], [['sshd: alice@pts/0']]), closed, SESSION)).join()
    expect(own.match(/the SSH session/g)).toHaveLength(1) // asked from it: told once
    const many = Array.from({ length: 5 }, (_, i) => line(SSH as string, `070200C0:C35${i}`, '01', 500 + i))
    const titles = many.map((): [string] => ['sshd: alice@notty'])
    expect((await cut(world(many, [], titles), closed)).join()).toMatch(/50000, .*50001, .*50002 and 2 more$/)
  })

  it('over IPv6 on a bridge, its ports count too', async () => {
    const sockets = [line(SIX[0] as string, SIX[1] as string, '01', 500)]
    const titles: [string][] = [['sshd: alice@pts/0']]
    const of = (match: string) => cut(world(sockets, [], titles), [drop(match)])
    expect((await of('{ interface: eth1, ip_version: 6 }')).join()).toContain('from [2001:db8::9]:50001')
    expect(await of('{ interface: br0, source: { cidrs: "2001:db8::/32" } }')).toHaveLength(1)
    expect(await of('{ interface: eth0, ip_version: 6 }')).toEqual([])
  })

  it('the API stays open to this host, and to who asked it within the last minute', async () => {
    const sockets = [
      line(API as string, PEER as string, '06', 0),
      line(API as string, OTHER as string, '01', 7),
      line(LOCAL as string, '0100007F:C000', '01', 8),
    ]
    const of = (match: string, open = sockets) => cut(world(open), [drop(match)])
    expect(await of('{ interface: lo, destination: { ports: 19100 } }')).toEqual([
      'r.yaml:2: r would cut off the API at 127.0.0.1:19100 for 127.0.0.1',
    ])
    expect((await of('{ interface: eth0, destination: { ports: 9000 } }')).join()).toContain(
      'the API at 10.0.0.1:9000 for 192.0.2.7, the API',
    )
    expect(await of('{ source: { cidrs: 192.0.2.8 } }')).toEqual(['r.yaml:2: r would cut off the API at 10.0.0.1:9000 for 192.0.2.8'])
    expect(await of('{ interface: eth0, destination: { ports: 9000 } }', [])).toEqual([])
    expect(await of('{ interface: eth0, destination: { ports: 19100 } }')).toEqual([])
  })

  it.each(['', 'x', '1.2.3.4 5 6', '192.0.2.7 50000 10.0.0.1 99999', '192.0.2.7 50000 10.0.0.1 22 x', '$(id) 1 10.0.0.1 22'])(
    'a session %j that cannot be is nobody',
    async (session) => expect(await cut(world([]), [drop('{ destination: { ports: 22 } }')], session)).toEqual([]),
  )

  it('reads the tables of the kernel', () => {
    const [one, ...more] = parseTcpSockets(
      `${HEADING + line(SSH as string, PEER as string, '01', 12) + line(SSH as string, PEER as string, '0A', 13)}x\n`,
    )
    expect(more).toEqual([])
    expect(one).toMatchObject({ local: { port: 22 }, remote: { port: 50_000 }, state: 'established', inode: '12' })
    expect([...(one?.remote.bytes ?? [])].slice(10)).toEqual([0xff, 0xff, 192, 0, 2, 7])
  })

  it('finds the session behind sudo', () => {
    const proc = dir.dir('sudo')
    const parent = (pid: number, ppid: number, environ: string, comm = 'sudo'): void => {
      mkdirSync(`${proc}/${pid}`)
      writeFileSync(`${proc}/${pid}/stat`, `${pid} (${comm}) S ${ppid} 1 1 0`)
      writeFileSync(`${proc}/${pid}/environ`, environ)
    }
    parent(30, 20, 'PATH=/bin\0XSSH_CONNECTION=no\0')
    parent(20, 10, 'A=1\0', 'a) b (c')
    parent(10, 1, `A=1\0SSH_CONNECTION=${SESSION}\0B=2\0`)
    parent(40, 1, '')
    expect(sshConnectionOf({}, 30, proc)).toBe(SESSION)
    expect(sshConnectionOf({ SSH_CONNECTION: 'mine' }, 30, proc)).toBe('mine')
    expect(sshConnectionOf({}, 40, proc)).toBeUndefined()
    expect(sshConnectionOf({}, 50, proc)).toBeUndefined()
  })

  it('asks 10,000 rules within the time that loading them takes', async () => {
    const list = Array.from({ length: 10_000 }, (_, i) =>
      drop(`{ source: { cidrs: 203.0.${i >> 8}.${i & 255} }, destination: { ports: 22 } }`, `r${i}`),
    )
    const text = `rules:\n${list.map((each) => `  - ${each}\n`).join('')}`
    const begin = performance.now()
    const { rules: loaded } = loadRules([{ name: 'r.yaml', text }])
    const load = performance.now() - begin
    const lifelines = await world([]).find(SESSION)
    const asked = performance.now()
    guard(loaded, lifelines)
    const took = performance.now() - asked
    console.log(`10,000 rules: loaded in ${Math.round(load)} ms, guarded in ${Math.round(took)} ms`)
    expect(took).toBeLessThan(load)
  })
})
