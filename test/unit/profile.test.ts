// SPDX-License-Identifier: Apache-2.0
// What is told of the process behind a service: on real processes of this machine, and on trees of files laid out as on a host.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { OwnerFacts } from '../../src/owners/facts.js'
import { readConfiguration, unitFiles } from '../../src/services/configuration.js'
import { Identifier } from '../../src/services/identify.js'
import { Packages, versionIn } from '../../src/services/package.js'
import { capabilityNames, readPosture } from '../../src/services/posture.js'
import { TempDir } from '../lib/temp.js'

const dir = new TempDir('profile')
afterAll(() => dir[Symbol.dispose]())
const owner = (more: Partial<OwnerFacts>): OwnerFacts => ({
  pid: 1,
  ppid: 0,
  startNs: 0n,
  comm: 'x',
  uid: 0,
  cgroupId: 0n,
  netns: 0,
  how: 'used',
  reasons: [],
  ...more,
})
const tree = (name: string, files: Readonly<Record<string, string>>): string => {
  const root = dir.dir(name)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(root + path), { recursive: true })
    writeFileSync(root + path, text)
  }
  return root
}

describe('posture', () => {
  it('of this process: what the kernel says of it', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    const open = createServer().listen(0, '0.0.0.0')
    await Promise.all([once(server, 'listening'), once(open, 'listening')])
    const port = (of: typeof server): number => (of.address() as { port: number }).port
    const posture = readPosture('/proc', process.pid)
    expect(posture?.uid).toBe(process.geteuid?.())
    expect(posture?.listening).toContainEqual({ transport: 'tcp', address: '127.0.0.1', port: port(server) })
    expect(posture?.findings.find(({ id }) => id === 'listens-everywhere')?.text).toContain(`tcp ${port(open)}`)
    expect(posture?.findings.find(({ id }) => id === 'listens-everywhere')?.text).not.toContain(`${port(server)}`)
    expect(posture?.host_namespaces).toContain('user')
    server.close()
    open.close()
  })

  it.skipIf(process.getuid?.() !== 0)('of one that gave up what it could', async () => {
    const argv = ['--reuid', '65534', '--clear-groups', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all', 'sleep', '30']
    const child = spawn('setpriv', argv, { stdio: 'ignore' })
    try {
      let posture = readPosture('/proc', child.pid ?? 0)
      for (let i = 0; i < 200 && posture?.uid !== 65534; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        posture = readPosture('/proc', child.pid ?? 0)
      }
      expect(posture).toMatchObject({ uid: 65534, no_new_privileges: true, capabilities: [], listening: [] })
      expect(posture?.findings.map(({ id }) => id)).toEqual(['no-seccomp', 'host-namespaces'])
    } finally {
      child.kill('SIGKILL')
    }
    await once(child, 'exit')
    expect(readPosture('/proc', child.pid ?? 0)).toBeUndefined()
  })

  it('names capabilities and addresses', () => {
    expect(capabilityNames(0n)).toEqual([])
    expect(capabilityNames((1n << 21n) | (1n << 39n) | 1n | (1n << 60n))).toEqual(['chown', 'sys_admin', 'bpf', '60'])
  })
})

describe('configuration', () => {
  const unit = { '/usr/lib/systemd/system/a.service': '[Service]\nExecStart=/usr/bin/a\n' }

  it('is the unit and its drop-ins, in the order of systemd', () => {
    const root = tree('units', {
      ...unit,
      '/etc/systemd/system/a.service.d/20-b.conf': 'B',
      '/usr/lib/systemd/system/a.service.d/10-a.conf': 'A',
      '/usr/lib/systemd/system/a.service.d/20-b.conf': 'hidden by the one in /etc',
      '/etc/systemd/system/a.service.d/readme.txt': 'no drop-in',
      '/usr/lib/systemd/system/t@.service': 'template',
      '/etc/systemd/system/t@.service.d/x.conf': 'X',
      '/etc/systemd/system/t@one.service.d/y.conf': 'Y',
    })
    expect(unitFiles('a.service', root)).toEqual([
      '/usr/lib/systemd/system/a.service',
      '/usr/lib/systemd/system/a.service.d/10-a.conf',
      '/etc/systemd/system/a.service.d/20-b.conf',
    ])
    expect(unitFiles('t@one.service', root)).toEqual([
      '/usr/lib/systemd/system/t@.service',
      '/etc/systemd/system/t@.service.d/x.conf',
      '/etc/systemd/system/t@one.service.d/y.conf',
    ])
    expect(unitFiles('none.service', root)).toEqual([])
  })

  it('has a hash that changes with it, and is equal where it is equal', () => {
    const [one, two] = [tree('one', unit), tree('two', unit)]
    const text = unit['/usr/lib/systemd/system/a.service']
    const first = readConfiguration(owner({ unit: 'a.service' }), [], one)
    const expected = (algorithm: string): string =>
      createHash(algorithm).update(`/usr/lib/systemd/system/a.service\0${text.length}\0${text}`).digest('hex')
    expect(first).toEqual({
      sha256: expected('sha256'),
      md5: expected('md5'),
      files: [{ path: '/usr/lib/systemd/system/a.service', bytes: text.length }],
    })
    expect(readConfiguration(owner({ unit: 'a.service' }), [], two)).toEqual(first)
    writeFileSync(`${two}/usr/lib/systemd/system/a.service`, text.replace('/a', '/b'))
    expect(readConfiguration(owner({ unit: 'a.service' }), [], two)?.sha256).not.toBe(first?.sha256)
    writeFileSync(`${two}/usr/lib/systemd/system/a.service`, text)
    tree('two', { '/etc/a.conf': 'port 1' })
    const declared = readConfiguration(owner({ unit: 'a.service' }), ['/etc/a.conf', '/etc/missing'], two)
    expect(declared?.files.map(({ path }) => path)).toEqual(['/usr/lib/systemd/system/a.service', '/etc/a.conf'])
    expect(declared?.sha256).not.toBe(first?.sha256)
    expect(readConfiguration(owner({}), [], one)).toBeUndefined()
  })

  it('of a container does not depend on its id', () => {
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
    const file = (id: string): string => `/var/lib/docker/containers/${id}/hostconfig.json`
    const root = tree('docker', { [file(a)]: '{"Memory":1}', [file(b)]: '{"Memory":1}' })
    const of = (id: string) => readConfiguration(owner({ container: { id, shortId: id.slice(0, 12), runtime: 'docker' } }), [], root)
    expect(of(a)?.sha256).toBe(of(b)?.sha256)
    expect(of(a)?.files).toEqual([{ path: file(a), bytes: 12 }])
  })

  it('takes what a rule names', () => {
    const identifier = new Identifier({ environment: '', rules: [{ match: { unit: 'a.*' }, files: ['/etc/a.conf'] }] })
    expect(identifier.files({ owner: owner({ unit: 'a.service' }) })).toEqual(['/etc/a.conf'])
    expect(identifier.files({ owner: owner({ unit: 'b.service' }) })).toEqual([])
    expect(identifier.identify({ owner: owner({ unit: 'a.service' }) }).id).toBe('a')
  })
})

describe('package', () => {
  it.skipIf(spawnSync('dpkg-query', ['--version']).status !== 0)('of a program is what dpkg says', async () => {
    const version = spawnSync('dpkg-query', ['-W', '-f', '${Version}', 'dash'], { encoding: 'utf8' }).stdout
    const packages = new Packages()
    expect(await packages.of('/usr/bin/dash')).toEqual({ name: 'dash', version })
    expect(await packages.of('/bin/dash')).toEqual({ name: 'dash', version })
    expect(await packages.of('/nowhere/dash')).toBeUndefined()
  })

  it('is asked for once, and anew after a while', async () => {
    let now = 0
    const root = tree('dpkg', {
      '/info/a.list': '/.\n/usr/bin/a\n',
      '/info/b:amd64.list': '/usr/bin/ab\n',
      '/status': 'Package: a\nStatus: install ok installed\nVersion: 1.0-1\n\nPackage: b\nStatus: deinstall ok config-files\nVersion: 2\n',
    })
    const packages = new Packages(root, () => now)
    expect(await packages.of('/usr/bin/a')).toEqual({ name: 'a', version: '1.0-1' })
    expect(await packages.of('/usr/bin/ab')).toBeUndefined()
    writeFileSync(`${root}/status`, 'Package: a\nStatus: install ok installed\nVersion: 1.1-1\n')
    expect((await packages.of('/usr/bin/a'))?.version).toBe('1.0-1')
    now = 700_000
    expect((await packages.of('/usr/bin/a'))?.version).toBe('1.1-1')
    expect(await new Packages(`${root}/none`).of('/usr/bin/a')).toBeUndefined()
    expect(versionIn('Package: ab\nStatus: install ok installed\nVersion: 1\n', 'a')).toBeUndefined()
  })
})
