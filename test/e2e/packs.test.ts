// SPDX-License-Identifier: Apache-2.0
// A signature pack in the running daemon: a service of its own protocol is named in flows, metrics and rules, and a pack that is
// added later is taken up on SIGHUP.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { commandLine, Daemon, daemonUnavailable } from '../lib/daemon.js'
import { Pair, SERVER, unavailable } from '../lib/netns.js'
import { Proc, run, until } from '../lib/process.js'
import { sweep } from '../lib/registry.js'
import { TempDir } from '../lib/temp.js'

const reason = unavailable() ?? daemonUnavailable()
if (reason !== undefined) console.log(`test/e2e/packs: skipped, ${reason}`)

const doc = readFileSync(new URL('../../docs/SIGNATURE-PACKS.md', import.meta.url), 'utf8')
const [bus = ''] = [...doc.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '')

const SERVE = `
import socket, sys, threading
s = socket.create_server((sys.argv[1], int(sys.argv[2])))
print('ready', flush=True)
def talk(c):
    try:
        while d := c.recv(1000):
            c.sendall(b'\\xa0\\xa1' + d[::-1])
    except OSError:
        pass
while True:
    c, _ = s.accept()
    threading.Thread(target=talk, args=(c,), daemon=True).start()
`
/** Says a greeting, then three messages; prints how many were answered. */
const ASK = `
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)
n = 0
try:
    for text in (sys.argv[3], 'one', 'two', 'three'):
        c.sendall(text.encode('latin1'))
        if c.recv(1000):
            n += 1
except OSError:
    pass
print(n)
`

describe.skipIf(reason !== undefined)('signature packs', () => {
  let dir: TempDir
  let pair: Pair
  let procs: Proc[] = []

  beforeEach(() => {
    sweep()
    dir = new TempDir('packs')
    pair = new Pair()
  })
  afterEach(async () => {
    await Promise.all(procs.map((p) => p.stop()))
    procs = []
    pair[Symbol.dispose]()
    dir[Symbol.dispose]()
  })

  it('name flows, are in metrics and rules, and are read again on SIGHUP', { timeout: 90_000 }, async () => {
    const [packs, rules] = [dir.dir('signatures.d'), dir.dir('rules.d')]
    mkdirSync(packs, { recursive: true })
    writeFileSync(`${packs}/acme-bus.yaml`, bus)
    await using daemon = await Daemon.start(dir, {
      netns: pair.server.name,
      interfaces: ['e0'],
      config: `packs:\n  folder: ${packs}\nrules:\n  folder: ${rules}\n`,
    })
    const server = new Proc(['python3', '-c', SERVE, SERVER.v4, '7001'], { netns: pair.server.name })
    procs.push(server)
    await until('the server', () => server.stdout.includes('ready'))
    const ask = async (greeting: string): Promise<string> =>
      (await run(['python3', '-c', ASK, SERVER.v4, '7001', greeting], { netns: pair.client.name })).stdout.trim()
    const flows = async (query: string): Promise<Record<string, unknown>[]> =>
      ((await daemon.get(`/api/v1/flows?q=${encodeURIComponent(query)}`)).body as { flows: Record<string, unknown>[] }).flows

    expect(await ask('ACMEBUS\x01 hello')).toBe('4')
    expect(await ask('\xa7\xa8ACMETWO hello')).toBe('4')
    let seen: Record<string, unknown>[] = []
    await until('flows of the pack in both views', async () => {
      seen = await flows('protocol:acme-bus')
      return new Set(seen.map((flow) => flow['view'])).size === 2
    })
    for (const flow of seen) expect(flow).toMatchObject({ 'network.protocol.name': 'acme-bus', 'flowident.layers': ['acme-bus'] })
    expect(seen.map((flow) => flow['destination.port'])).toEqual(seen.map(() => 7001))
    expect((await daemon.get('/metrics')).text).toMatch(/^flowident_flows_opened_total\{[^}]*="acme-bus"[^}]*\} [1-9]/m)
    expect(JSON.stringify((await daemon.get('/api/v1/protocols')).body)).toContain(
      '"name":"acme-bus","title":"acme-bus","transports":["tcp"]',
    )

    // a second pack, and one with a mistake: then the packs before stay
    writeFileSync(`${packs}/acme-two.yaml`, bus.replace('acme-bus', 'acme-two').replace('text: "ACMEBUS"', 'hex: "a7a841434d4554"'))
    writeFileSync(`${packs}/bad.yaml`, 'name: bad\n')
    const output = (): string => daemon.proc.stdout + daemon.proc.stderr
    daemon.proc.signal('SIGHUP')
    await until('the complaint', () => output().includes('are not taken'))
    expect(await ask('ACMEBUS\x01 hello')).toBe('4')
    await until('another flow of the first pack', async () => (await flows('protocol:acme-bus view:socket')).length >= 2)
    await run(['rm', `${packs}/bad.yaml`])
    daemon.proc.signal('SIGHUP')
    await until('both packs', () => output().includes('acme-bus, acme-two'))
    expect(await ask('\xa7\xa8ACMETWO hello')).toBe('4')
    await until('a flow of the second pack', async () => (await flows('protocol:acme-two')).length > 0)
    expect((await flows('protocol:acme-bus')).length).toBeGreaterThanOrEqual(3)

    // a rule may name it: the greeting passes, since it is what tells, and nothing after it
    const drop = dir.file('drop.yaml', 'rules:\n  - name: no-acme\n    action: drop\n    match: { protocol: acme-two }\n')
    const applied = await run(commandLine('rules', 'apply', drop, '--packs', packs, '--url', `unix:${daemon.socket}`), { codes: [] })
    expect(applied.stdout + applied.stderr).toContain('1 rules are in force')
    expect(Number(await ask('\xa7\xa8ACMETWO hello'))).toBeLessThan(2)
    expect(await ask('ACMEBUS\x01 hello')).toBe('4')
  })
})
