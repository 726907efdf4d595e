// SPDX-License-Identifier: Apache-2.0
// The Debian package as tools/deb.sh makes it, unpacked into a root with nothing but a shell and the shared libraries that the
// package depends on: no Node, no sources. Its maintainer scripts need systemd and are not run here.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const source = join(import.meta.dirname, '../..')
const addon = join(source, 'build/Release/flowident.node')

function lacking(): string | undefined {
  if (process.getuid?.() !== 0) return 'chroot needs root'
  if (!existsSync(addon)) return 'the addon is not built'
  for (const tool of ['dpkg-deb', 'strip', 'xz', 'unshare'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `no ${tool}`
  return undefined
}
const reason = lacking()
if (reason !== undefined) console.log(`test/e2e/deb: skipped, ${reason}`)

const libraries = (file: string): string[] =>
  [...execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path ?? '')

describe.skipIf(reason !== undefined)('the Debian package', () => {
  const work = mkdtempSync(join(tmpdir(), 'flowident-deb-'))
  const root = join(work, 'root')
  let deb = ''
  afterAll(() => rmSync(work, { recursive: true, force: true }))

  beforeAll(() => {
    const env = { ...process.env, XZ_LEVEL: '0', ADDON: addon, OUT: work }
    const output = execFileSync(join(source, 'tools/deb.sh'), { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
    deb = output.trim()
    execFileSync('dpkg-deb', ['-x', deb, root])
    for (const file of new Set(['/bin/sh', process.execPath, addon].flatMap((path) => [...libraries(path)]).concat('/bin/sh'))) {
      mkdirSync(join(root, dirname(file)), { recursive: true })
      cpSync(file, join(root, file), { dereference: true })
    }
    for (const folder of ['proc', 'sys', 'tmp']) mkdirSync(join(root, folder))
    cpSync(join(source, 'test/pcap/grpc-web.pcap'), join(root, 'tmp/grpc-web.pcap'))
  })

  /** Runs a command of the package in that root; /proc and /sys are mounted in a namespace that ends with it. */
  const inside = (...argv: string[]) =>
    spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', 'mount --rbind /proc "$0/proc" && mount --rbind /sys "$0/sys" && exec chroot "$0" "$@"', root, ...argv],
      { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' }, timeout: 60_000 },
    )

  it('runs where there is no other Node', () => {
    expect(existsSync(join(root, 'usr/bin/node'))).toBe(false)
    const { stdout, stderr, status } = inside('/usr/bin/flowident', 'version', '--json')
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const version = JSON.parse(stdout) as Record<string, string>
    expect(version['flowident']).toBe((JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string }).version)
    expect(version['libbpf']).toMatch(/\d/)
  })

  it('replays a capture', () => {
    const { stdout, stderr, status } = inside('/usr/bin/flowident', 'replay', '--json', '/tmp/grpc-web.pcap')
    expect({ stderr, status }).toEqual({ stderr, status: 0 })
    expect(stdout.split('\n')[0]).toContain('"network.protocol.name"')
  })

  it('lets doctor try the kernel with the addon that is inside', () => {
    const { stdout, stderr } = inside('/usr/bin/flowident', 'doctor', '--json')
    const checks = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; state: string })
    expect(checks, stderr).toContainEqual(expect.objectContaining({ name: 'addon', state: 'ok' }))
  })

  it('takes the configuration file that it brings', () => {
    const { stdout, status } = inside('/usr/bin/flowident', 'config', 'check')
    expect({ stdout, status }).toEqual({ stdout: 'no mistakes in /etc/flowident/flowident.yaml\n', status: 0 })
    expect(execFileSync('dpkg-deb', ['--ctrl-tarfile', deb], { maxBuffer: 1 << 24 }).toString()).toContain('/etc/flowident/flowident.yaml')
  })

  it('takes every setting of that file once its mark is removed', () => {
    const path = join(root, 'tmp/all.yaml')
    execFileSync('sh', ['-c', 'sed "/^##/d; s/^#//" "$0" >"$1"', join(root, 'etc/flowident/flowident.yaml'), path])
    expect(readFileSync(path, 'utf8')).toMatch(/^wire:\n {2}interfaces:/m)
    const { stdout, stderr, status } = inside('/usr/bin/flowident', 'config', 'check', '--config', '/tmp/all.yaml')
    expect({ stdout, stderr, status }).toMatchObject({ stdout: 'no mistakes in /tmp/all.yaml\n', status: 0 })
  })

  it('completes commands and options in bash', () => {
    const file = join(root, 'usr/share/bash-completion/completions/flowident')
    const complete = (...words: string[]): string[] =>
      execFileSync(
        'bash',
        ['-c', '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flowident; printf "%s\\n" "${COMPREPLY[@]}"', file, ...words],
        { encoding: 'utf8' },
      )
        .trim()
        .split('\n')
    expect(complete('flowident', 'repl')).toEqual(['replay'])
    expect(complete('flowident', 'config', '')).toEqual(expect.arrayContaining(['check', 'show']))
    expect(complete('flowident', 'config', 'check', '--con')).toEqual(['--config'])
  })
})
