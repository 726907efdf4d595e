// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { flowident, lines } from '../lib/console.js'

const flow = {
  id: 's-1f',
  view: 'socket',
  role: 'server',
  'network.transport': 'tcp',
  'network.type': 'ipv4',
  'source.address': '10.0.0.2',
  'source.port': 50000,
  'destination.address': '10.0.0.1',
  'destination.port': 5432,
  'network.protocol.name': 'http1',
  'flowident.layers': ['tls', 'http1'],
  'flowident.confidence': 'confirmed',
  'flowident.port_hint': 'postgresql',
  'flowident.evidence': { signature: 'http1/2', direction: 'client', offset: 0, packet: 3 },
  'source.packets': 4,
  'source.bytes': 700,
  'destination.packets': 5,
  'destination.bytes': 4096,
  'flowident.state': 'done',
  'http.host': 'shop\u001b]0;evil\u0007.example\u202e',
  'process.pid': 42,
  'process.executable.name': 'nginx',
  'process.owner': 'www-data',
  'flowident.unit': 'nginx.service',
  'service.name': 'nginx',
  'flowident.service': 'nginx',
}
const service = {
  id: 'nginx',
  name: 'nginx',
  kind: 'unit',
  protocols: ['http1', 'tls'],
  flows_active: 1,
  flows_opened: 7,
  bytes_received: 2048,
  bytes_sent: 1,
}
const traffic = [
  {
    protocol: 'http1',
    transport: 'tcp',
    role: 'server',
    view: 'socket',
    flows_active: 1,
    flows_opened: 3,
    bytes_received: 2048,
    bytes_sent: 1,
  },
]

let folder = ''
let server: Server
let asked: string[] = []
let url = ''

/** An API with three flows in two pages, and problem documents where the daemon gives them. */
function answer(path: string): { status: number; body: unknown } {
  const { pathname, searchParams } = new URL(path, 'http://x')
  const problem = (status: number, detail: string) => ({
    status,
    body: { type: '/problems/x', title: 'Bad', status, detail, errors: [{ pointer: '/q', detail: 'no such word' }] },
  })
  if (pathname === '/api/v1/flows') {
    if (searchParams.get('q') === 'wrong:x') return problem(400, 'the filter is not understood')
    if (searchParams.get('q') === 'none') return { status: 200, body: { flows: [] } }
    if (searchParams.get('q') === 'html') return { status: 200, body: undefined }
    if (searchParams.get('cursor') === 'c1') return { status: 200, body: { flows: [{ ...flow, id: 's-3' }] } }
    return { status: 200, body: { flows: [flow, { ...flow, id: 's-2' }], next: 'c1' } }
  }
  if (pathname === '/api/v1/flows/s-1f/explain')
    return {
      status: 200,
      body: { id: 's-1f', protocol: ['Confirmed: both ends agree.'], owner: ['pid 42'], service: ['nginx: systemd unit\u001b[2J'] },
    }
  if (pathname === '/api/v1/flows/s-1f') return { status: 200, body: flow }
  if (pathname === '/api/v1/flows/lookup') return { status: 200, body: { flows: searchParams.get('endpoint') === ':9' ? [] : [flow] } }
  if (pathname === '/api/v1/services') return { status: 200, body: { services: [service] } }
  if (pathname === '/api/v1/services/nginx') return { status: 200, body: { ...service, reason: 'systemd unit', traffic } }
  return problem(404, `nothing at ${pathname}`)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flowident-cli-'))
  server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const { status, body } = answer(request.url ?? '/')
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' })
    response.end(body === undefined ? '<html>' : JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 'api.sock'), resolve))
  url = `unix:${join(folder, 'api.sock')}`
})
afterAll(() => {
  server.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  asked = []
})
const ask = (argv: readonly string[], columns?: number) =>
  flowident(argv, { env: { FLOWIDENT_URL: url }, ...(columns === undefined ? {} : { columns }) })

describe('flows', () => {
  it('prints a table of all pages', async () => {
    const { code, stdout, stderr } = await ask(['flows', 'protocol:http1', 'port:443'])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    const [head, first, ...rest] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^ID +TRANSPORT +SOURCE +DESTINATION +PROTOCOL +SURE +SENT +RECEIVED +SERVICE +OWNER$/)
    expect(first).toMatch(/^s-1f +tcp +10\.0\.0\.2:50000 +10\.0\.0\.1:5432 +tls>http1 +confirmed +700 B +4\.0 KiB +nginx +nginx\[42\]$/)
    expect(rest).toHaveLength(2)
    expect(asked).toEqual([
      '/api/v1/flows?q=protocol%3Ahttp1+port%3A443&limit=100',
      '/api/v1/flows?q=protocol%3Ahttp1+port%3A443&limit=98&cursor=c1',
    ])
  })

  it('prints one object a line with --json, with nothing changed', async () => {
    const { stdout } = await ask(['flows', '--json'])
    expect(lines(stdout).map(({ id }) => id)).toEqual(['s-1f', 's-2', 's-3'])
    expect(lines(stdout)[0]).toEqual(flow)
  })

  it('stops at --limit', async () => {
    const { stdout, stderr } = await ask(['flows', '--json', '-n', '1'])
    expect(lines(stdout)).toHaveLength(1)
    expect(stderr).toBe('')
    expect((await ask(['flows', '-n', '2'])).stderr).toMatch(/the first 2; --limit shows more/)
  })

  it('says on stderr that nothing matches', async () => {
    expect(await ask(['flows', 'none'])).toEqual({ code: 0, stdout: '', stderr: 'no flow matches\n' })
  })

  it('cuts lines at the edge of a terminal only', async () => {
    const onTerminal = await ask(['flows'], 60)
    for (const line of onTerminal.stdout.trimEnd().split('\n')) expect(line.replaceAll(/\u001b\[\d+m/g, '').length).toBeLessThanOrEqual(60)
    expect(onTerminal.stdout).toContain('…')
    expect((await ask(['flows'])).stdout).not.toContain('…')
  })

  it('colours a terminal unless NO_COLOR is set', async () => {
    expect((await ask(['flows'], 200)).stdout).toContain('\u001b[1m')
    const plain = await flowident(['flows'], { env: { FLOWIDENT_URL: url, NO_COLOR: '1' }, columns: 200 })
    expect(plain.stdout).not.toContain('\u001b')
  })
})

describe('who, explain, services, top', () => {
  it('answers for an endpoint and for a 5-tuple', async () => {
    const { code, stdout } = await ask(['who', ':443'])
    expect(code).toBe(0)
    expect(stdout).toBe('nginx speaks tls>http1 (confirmed); unit nginx.service, pid 42, executable nginx, user www-data\n')
    expect((await ask(['who', 'tcp', '10.0.0.1:443', '[2001:db8::1]:50000', '--json'])).stdout).toContain('"id":"s-1f"')
    expect(asked).toEqual([
      '/api/v1/flows/lookup?endpoint=%3A443',
      '/api/v1/flows/lookup?transport=tcp&source=10.0.0.1%3A443&destination=%5B2001%3Adb8%3A%3A1%5D%3A50000',
    ])
  })

  it('ends with 3 when nothing matches', async () => {
    expect(await ask(['who', ':9'])).toEqual({ code: 3, stdout: '', stderr: 'flowident: no flow of :9 is known\n' })
    expect((await ask(['explain', 's-99'])).code).toBe(3)
    expect((await ask(['services', 'absent'])).code).toBe(3)
  })

  it.each([
    [['who', 'nonsense']],
    [['who', '10.0.0.1:70000']],
    [['who', '1.2.3.4:1', '1.2.3.4:2']],
    [['who', 'tcp', ':1', ':2', ':3']],
    [['who', ':0']],
  ])('refuses %j as usage', async (argv) => {
    expect((await ask(argv)).code).toBe(2)
    expect(asked).toEqual([])
  })

  it('explains with the words of the daemon, with control characters made visible', async () => {
    const { code, stdout } = await ask(['explain', 's-1f'])
    expect(code).toBe(0)
    expect(stdout).toContain('s-1f  10.0.0.2:50000 > 10.0.0.1:5432  tcp > tls > http1  (confirmed)')
    expect(stdout).toContain('Protocol\n  Confirmed: both ends agree.\nOwner\n  pid 42\nService\n  nginx: systemd unit\\x1b[2J\nLabels\n')
    expect(stdout).toMatch(/^ {2}http\.host {2}shop\\x1b\]0;evil\\x07\.example\\u\{202e\}$/m)
    expect(stdout).not.toMatch(/[\u001b\u0007\u202e]/)
    expect(lines((await ask(['explain', ':443', '--json'])).stdout)[0]).toMatchObject({ id: 's-1f', flow: { id: 's-1f' } })
  })

  it('lists services, and one of them', async () => {
    expect((await ask(['services'])).stdout).toMatch(/^SERVICE.*\nnginx +- +- +unit +http1,tls +1 +7 +2\.0 KiB +1 B +nginx\n$/)
    expect((await ask(['services', 'nginx'])).stdout).toMatch(
      /^reason +systemd unit\n[\s\S]*^PROTOCOL +TRANSPORT.*\nhttp1 +tcp +server +socket +1 +3 +2\.0 KiB +1 B$/m,
    )
    expect(lines((await ask(['services', '--json'])).stdout)).toEqual([service])
  })

  it('takes one look with top --once, and wants a terminal otherwise', async () => {
    const { stdout } = await ask(['top', '--once'])
    expect(stdout).toMatch(/1 services, 2 flows shown/)
    expect(stdout).toMatch(/^SERVICE +VERSION +ENVIRONMENT +KIND +PROTOCOLS +RATE/m)
    expect((await ask(['top'])).code).toBe(2)
  })
})

describe('failures', () => {
  it('ends with 4 when no daemon is there', async () => {
    const { code, stderr } = await flowident(['flows', '--url', join(folder, 'absent.sock')])
    expect(code).toBe(4)
    expect(stderr).toContain('there is no such socket')
    expect((await flowident(['flows', '--url', 'http://127.0.0.1:1'])).code).toBe(4)
  })

  it('tells what the daemon says of a wrong request', async () => {
    const { code, stderr } = await ask(['flows', 'wrong:x'])
    expect(code).toBe(2)
    expect(stderr).toBe('flowident: the filter is not understood\n  /q: no such word\n')
  })

  it('takes an answer that is not JSON for no daemon', async () => {
    expect((await ask(['flows', 'html'])).code).toBe(4)
  })

  it.each([
    [[]],
    [['nonsense']],
    [['flows', '--nonsense']],
    [['flows', '-n', 'x']],
    [['flows', '--url', 'ftp://x']],
    [['flows', '--timeout', '0']],
    [['config']],
  ])('takes %j for a wrong command line', async (argv) => {
    const { code, stdout, stderr } = await flowident(argv)
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).not.toBe('')
  })

  it('suggests what was meant', async () => {
    expect((await flowident(['flws'])).stderr).toContain('Did you mean flows?')
  })

  it('gives help and version on stdout', async () => {
    const help = await flowident(['--help'])
    expect(help.code).toBe(0)
    for (const name of ['run', 'flows', 'services', 'who', 'explain', 'top', 'replay', 'demo', 'doctor', 'config', 'version'])
      expect(help.stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
    expect((await flowident(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await flowident(['run', '--help'])).stdout).toContain('--wire-interfaces <value>')
  })
})

describe('config', () => {
  it('checks and shows a file', async () => {
    const good = join(folder, 'good.yaml')
    const bad = join(folder, 'bad.yaml')
    writeFileSync(good, 'log: {level: debug}\n')
    writeFileSync(bad, 'log: {levle: debug}\n')
    expect(await flowident(['config', 'check', '--config', good])).toEqual({ code: 0, stdout: `no mistakes in ${good}\n`, stderr: '' })
    const failed = await flowident(['config', 'check', '--config', bad])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain(`${bad}:1:7: unknown setting "log.levle"; did you mean "level"?`)
    const shown = await flowident(['config', 'show', '--json', '--config', good])
    expect(lines(shown.stdout)).toContainEqual({ setting: 'log.level', value: 'debug', origin: `${good}:1` })
    expect((await flowident(['config', 'show', '--config', good])).stdout).toMatch(new RegExp(`^log\\.level +debug +${good}:1$`, 'm'))
    expect((await flowident(['config', 'show', '--yaml', '--config', good])).stdout).toContain('level: debug')
  })
})

describe('version', () => {
  it('is told even when the addon is missing', async () => {
    const { code, stdout } = await flowident(['version', '--json'], { env: { FLOWIDENT_ADDON: '/absent/flowident.node' } })
    expect(code).toBe(0)
    expect(lines(stdout)[0]).toMatchObject({ libbpf: null, addon: '/absent/flowident.node: no such file', node: process.versions.node })
  })
})
