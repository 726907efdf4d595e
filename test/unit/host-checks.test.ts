// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { probeCheck } from '../../src/cli/doctor.js'
import { cgroup2Mount, hostChecks } from '../../src/cli/host-checks.js'

const made: string[] = []
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true })
})

function host(files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), 'flowident-host-'))
  made.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const roots = { proc: join(root, 'proc'), sys: join(root, 'sys') }
  return {
    roots,
    states: () => Object.fromEntries(hostChecks(roots).map(({ name, state }) => [name, state])),
    checks: () => hostChecks(roots),
  }
}

const good = {
  'proc/sys/kernel/osrelease': '6.18.0-1-amd64\n',
  'proc/self/status': 'Name:\tx\nCapEff:\t000001ffffffffff\n',
  'proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n',
  'proc/sys/net/core/bpf_jit_enable': '1\n',
  'sys/kernel/btf/vmlinux': '',
  'sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
}

describe('host checks', () => {
  it('find nothing wrong with a current kernel', () => {
    expect(new Set(Object.values(host(good).states()))).toEqual(new Set(['ok']))
  })

  it('say what is lost on an old kernel without BTF and cgroup v2', () => {
    const { 'sys/kernel/btf/vmlinux': _btf, ...rest } = good
    const old = host({
      ...rest,
      'proc/sys/kernel/osrelease': '5.4.0\n',
      'proc/self/mountinfo': '30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n',
    })
    expect(old.states()).toMatchObject({ kernel: 'broken', BTF: 'broken', 'cgroup v2': 'lost' })
    for (const check of old.checks().filter(({ state }) => state !== 'ok')) {
      expect(check.lost, check.name).toBeTruthy()
      expect(check.remedy, check.name).toBeTruthy()
    }
    expect(host({ ...good, 'proc/sys/kernel/osrelease': '6.1.0-28-amd64\n' }).states()).toMatchObject({ kernel: 'lost' })
  })

  it('tell required capabilities from useful ones', () => {
    const withCaps = (...bits: bigint[]) =>
      host({
        ...good,
        'proc/self/status': `CapEff:\t${bits
          .reduce((sum, bit) => sum | (1n << bit), 0n)
          .toString(16)
          .padStart(16, '0')}\n`,
      })
        .checks()
        .find(({ name }) => name === 'capabilities')
    expect(withCaps()).toMatchObject({ state: 'broken', found: expect.stringContaining('CAP_BPF') })
    expect(withCaps(39n, 12n, 38n)).toMatchObject({ state: 'lost', found: 'missing CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH' })
    expect(withCaps(21n, 12n, 19n, 2n)).toMatchObject({ state: 'ok' })
  })

  it('notice lockdown and a missing compiler', () => {
    expect(
      host({
        ...good,
        'sys/kernel/security/lockdown': 'none integrity [confidentiality]\n',
        'proc/sys/net/core/bpf_jit_enable': '0\n',
      }).states(),
    ).toMatchObject({
      lockdown: 'broken',
      JIT: 'lost',
    })
  })

  it('do not claim what cannot be read', () => {
    expect(host({}).states()).toMatchObject({ kernel: 'note', capabilities: 'note', JIT: 'note' })
  })

  it('read escaped mount points, also of the mixed hierarchy', () => {
    const { roots } = host({
      'proc/self/mountinfo':
        '1 2 0:3 / /sys/fs/cgroup rw - tmpfs t rw\n3 1 0:4 / /sys/fs/cgroup/my\\040unified rw a:1 b:2 - cgroup2 c rw\n',
    })
    expect(cgroup2Mount(roots.proc)).toBe('/sys/fs/cgroup/my unified')
  })
})

describe('probes', () => {
  it('name what is lost and how to get it', () => {
    expect(probeCheck({ feature: 'xdp', ok: true })).toEqual({ name: 'xdp', state: 'ok', found: 'works' })
    expect(probeCheck({ feature: 'tcx', ok: false, errno: 22 })).toMatchObject({
      state: 'lost',
      found: 'refused: errno 22',
      remedy: 'Linux 6.6 or newer',
    })
    expect(probeCheck({ feature: 'ringbuf', ok: false, errno: 1 })).toMatchObject({ state: 'broken' })
    expect(probeCheck({ feature: 'fentry', ok: false })).toMatchObject({ state: 'note' })
    expect(probeCheck({ feature: 'something new', ok: false })).toMatchObject({ state: 'lost', lost: 'what uses it' })
  })
})
