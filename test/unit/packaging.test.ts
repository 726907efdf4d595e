// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { settings } from '../../src/config/schema.js'

const root = join(import.meta.dirname, '../..')
const read = (name: string) => readFileSync(join(root, name), 'utf8')
const has = (command: string) => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0

const manifest = JSON.parse(read('package.json')) as {
  version: string
  engines: { node: string }
  gypfile: boolean
  files: string[]
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

describe('the unit', () => {
  const unit = read('packaging/flowident.service')
  const value = (key: string) => [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, text]) => text)

  it('grants exactly the capabilities that are needed', () => {
    const needed = 'CAP_BPF CAP_NET_ADMIN CAP_PERFMON CAP_SYS_PTRACE CAP_DAC_READ_SEARCH'
    expect(value('AmbientCapabilities')).toEqual([needed])
    expect(value('CapabilityBoundingSet')).toEqual([needed])
    expect(value('User')).toEqual(['flowident'])
    expect(value('NoNewPrivileges')).toEqual(['yes'])
  })

  it('is told when the daemon is ready, hung or to read its configuration again', () => {
    expect(value('Type')).toEqual(['notify'])
    expect(Number(value('WatchdogSec')[0])).toBeGreaterThan(0)
    expect(value('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID'])
  })

  it('allows bpf after the groups that forbid it', () => {
    const filters = value('SystemCallFilter')
    expect(filters.at(-1)).toContain('bpf')
    expect(filters.findLastIndex((text) => text?.startsWith('~'))).toBeLessThan(filters.length - 1)
  })

  it('makes the folder of the default socket', () => {
    const listen = settings().find(({ path }) => path === 'listen')?.schema.default as string[]
    expect(listen).toContain(`unix:/run/${value('RuntimeDirectory')[0]}/flowident.sock`)
  })

  it.skipIf(!has('systemd-analyze'))('has an exposure level of 2.5 or less (needs systemd-analyze)', () => {
    const run = spawnSync(
      'systemd-analyze',
      ['security', '--offline=true', '--no-pager', '--threshold=25', join(root, 'packaging/flowident.service')],
      {
        encoding: 'utf8',
      },
    )
    expect(run.status, `${run.stdout}${run.stderr}`).toBe(0)
    expect(run.stdout).toMatch(/Overall exposure level for flowident\.service: [0-2]\.\d/)
  })

  it('is the only place that SECURITY.md takes capabilities from', () => {
    const granted = value('CapabilityBoundingSet')[0]?.split(' ').sort()
    const documented = [...read('SECURITY.md').matchAll(/^\| `(CAP_[A-Z_]+)` \|/gm)].map(([, name]) => name).sort()
    expect(documented).toEqual(granted)
  })

  it.skipIf(!has('systemd-analyze'))('has no word that systemd does not know (needs systemd-analyze)', () => {
    const run = spawnSync('systemd-analyze', ['verify', '--man=no', join(root, 'packaging/flowident.service')], { encoding: 'utf8' })
    const complaints = run.stderr.split('\n').filter((line) => line.includes('flowident.service') && !line.includes('is not executable'))
    expect(complaints).toEqual([])
  })

  it.skipIf(!has('systemd-sysusers') || process.getuid?.() !== 0)('comes with its user (needs systemd-sysusers and root)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowident-users-'))
    try {
      mkdirSync(join(folder, 'etc'))
      execFileSync('systemd-sysusers', [`--root=${folder}`, '-'], { input: read('packaging/flowident.sysusers') })
      expect(readFileSync(join(folder, 'etc/passwd'), 'utf8')).toMatch(/^flowident:x:\d+:\d+:flowident daemon:\/:/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the package', () => {
  it('pins exact versions', () => {
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
  })

  it('runs nothing when it is installed', () => {
    expect(manifest.gypfile).toBe(false)
    for (const name of ['install', 'preinstall', 'postinstall', 'prepare']) expect(manifest.scripts).not.toHaveProperty(name)
  })

  it('leaves the sources of the addon out', () => {
    expect(manifest.files).not.toEqual(expect.arrayContaining([expect.stringMatching(/native|binding|CMake|bpf|src|test/)]))
    for (const name of ['LICENSE', 'CHANGELOG.md', 'packaging']) expect(existsSync(join(root, name)), name).toBe(true)
  })

  it('has a lock file without registries', () => {
    const lock = read('package-lock.json')
    expect(lock).not.toContain('"resolved"')
    expect(lock).toContain('"integrity"')
    expect(JSON.parse(lock)).toMatchObject({ version: manifest.version, packages: { '': { dependencies: manifest.dependencies } } })
  })

  it('is Apache-2.0, in full', () => {
    const licence = read('LICENSE')
    expect(licence).toContain('Apache License')
    expect(licence).toContain('END OF TERMS AND CONDITIONS')
    expect(licence.length).toBeGreaterThan(11_000)
  })
})

describe('the bundle', () => {
  const main = join(root, 'dist/main.js')

  it.skipIf(!existsSync(main))('runs as a program, without node_modules and from anywhere (needs make build)', () => {
    const started = performance.now()
    const run = spawnSync(main, ['version', '--json'], { cwd: '/', encoding: 'utf8', env: { PATH: process.env['PATH'] } })
    expect(run.status, run.stderr).toBe(0)
    expect(JSON.parse(run.stdout)).toMatchObject({ flowident: manifest.version })
    expect(performance.now() - started).toBeLessThan(2000)
    expect(spawnSync(main, ['nonsense'], { encoding: 'utf8' }).status).toBe(2)
  })

  it.skipIf(!existsSync(main))('does not mind that its reader goes away (needs make build)', () => {
    const run = spawnSync('sh', ['-c', `${main} config show --json | head -n 1`], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.stdout.split('\n')).toHaveLength(2)
  })
})

describe('the scripts', () => {
  it.each(['.ci/run', 'tools/setup.sh'])('%s is executable, and stops at the first failure', (name) => {
    expect(statSync(join(root, name)).mode & 0o111).not.toBe(0)
    expect(read(name)).toMatch(/^#!\/usr\/bin\/env bash\n[\s\S]*^set -euo pipefail$/m)
    expect(spawnSync('bash', ['-n', join(root, name)]).status).toBe(0)
  })

  it('run make test, and nothing else, in continuous integration', () => {
    const commands = read('.ci/run')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
    expect(commands).toEqual(['set -euo pipefail', 'cd "$(dirname "${BASH_SOURCE[0]}")/.."', 'make test </dev/null'])
  })

  it('have a help text for every target that is meant to be called', () => {
    const help = execFileSync('make', ['--no-print-directory', 'help'], { cwd: root, encoding: 'utf8' })
    const targets = [
      'build',
      'gen',
      'bpf',
      'native',
      'test',
      'test-kernel',
      'test-e2e',
      'fuzz',
      'bench',
      'size',
      'lint',
      'format',
      'golden',
    ]
    for (const target of [...targets, 'accuracy', 'check', 'help', 'run', 'clean', 'setup'])
      expect(help).toMatch(new RegExp(`^  ${target} +\\S`, 'm'))
  })

  it('refuse an unknown word', () => {
    const run = spawnSync(join(root, 'tools/setup.sh'), ['nonsense'], { encoding: 'utf8' })
    expect(run.status).toBe(2)
    expect(run.stderr).toContain('usage:')
  })
})

describe('generated files', () => {
  it.each([['tools/gen-config-docs.ts'], ['tools/make-samples.ts'], ['tools/gen-protocols.mjs'], ['tools/lock.mjs']])(
    'are up to date: %s --check',
    (tool) => {
      const run = spawnSync(process.execPath, ['--import', 'tsx', tool, '--check'], { cwd: root, encoding: 'utf8' })
      expect(run.status, run.stderr).toBe(0)
    },
  )

  // The build regenerates; on a clean checkout that must change nothing.
  it.skipIf(process.env['CI'] === undefined || !existsSync(join(root, '.git')))(
    'are committed as the build makes them (needs CI and a checkout)',
    () => {
      expect(execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root, encoding: 'utf8' })).toBe('')
    },
  )
})
