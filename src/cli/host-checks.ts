// SPDX-License-Identifier: Apache-2.0
// What can be read about a host without loading anything: kernel, capabilities, mounts. `doctor` adds what it tries for real.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Check {
  readonly name: string
  /** `lost` = works without, but something is missing; `broken` = flowident cannot run. */
  readonly state: 'ok' | 'lost' | 'broken' | 'note'
  readonly found: string
  /** What is lost without it. */
  readonly lost?: string
  /** How to get it. */
  readonly remedy?: string
}

export interface HostRoots {
  readonly proc: string
  readonly sys: string
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

interface Capability {
  readonly name: string
  readonly bit: bigint
  readonly required: boolean
  readonly lost: string
}
const capabilities: readonly Capability[] = [
  { name: 'CAP_BPF', bit: 39n, required: true, lost: 'programs cannot be loaded' },
  { name: 'CAP_NET_ADMIN', bit: 12n, required: true, lost: 'programs cannot be attached to interfaces and cgroups' },
  { name: 'CAP_PERFMON', bit: 38n, required: true, lost: 'the verifier refuses programs that follow pointers' },
  { name: 'CAP_SYS_PTRACE', bit: 19n, required: false, lost: 'executable paths of other users’ processes' },
  { name: 'CAP_DAC_READ_SEARCH', bit: 2n, required: false, lost: 'command lines and namespaces of other users’ processes' },
]
const sysAdmin = 21n

function capabilityCheck(proc: string): Check {
  const word = /^CapEff:\s*([0-9a-f]+)$/m.exec(read(join(proc, 'self/status')) ?? '')?.[1]
  if (word === undefined) return { name: 'capabilities', state: 'note', found: 'not known: no CapEff in /proc/self/status' }
  const held = BigInt(`0x${word}`)
  const has = (bit: bigint) => ((held >> bit) & 1n) === 1n
  // CAP_SYS_ADMIN includes CAP_BPF and CAP_PERFMON.
  const missing = capabilities.filter(({ bit }) => !has(bit) && !(bit >= 38n && has(sysAdmin)))
  if (missing.length === 0) return { name: 'capabilities', state: 'ok', found: 'all that are needed' }
  return {
    name: 'capabilities',
    state: missing.some(({ required }) => required) ? 'broken' : 'lost',
    found: `missing ${missing.map(({ name }) => name).join(', ')}`,
    lost: missing.map(({ name, lost }) => `${name}: ${lost}`).join('; '),
    remedy: 'run as root, or with packaging/flowident.service, which grants exactly these',
  }
}

/** Mount point of the unified cgroup hierarchy. */
export function cgroup2Mount(proc: string): string | undefined {
  for (const line of (read(join(proc, 'self/mountinfo')) ?? '').split('\n')) {
    const [before, after] = line.split(' - ')
    if (after?.startsWith('cgroup2 '))
      return before?.split(' ')[4]?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  }
  return undefined
}

function kernelCheck(proc: string): Check {
  const release = read(join(proc, 'sys/kernel/osrelease')) ?? ''
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? []
  const version = Number(major) * 1000 + Number(minor)
  if (!Number.isFinite(version)) return { name: 'kernel', state: 'note', found: 'release not known' }
  if (version < 5010)
    return {
      name: 'kernel',
      state: 'broken',
      found: release,
      lost: 'ring buffer, socket storage and iterators',
      remedy: 'Linux 5.10 or newer',
    }
  if (version < 6006)
    return {
      name: 'kernel',
      state: 'lost',
      found: release,
      lost: 'TCX (6.6): egress is attached with clsact instead',
      remedy: 'Linux 6.6 or newer',
    }
  return { name: 'kernel', state: 'ok', found: release }
}

export function hostChecks({ proc, sys }: HostRoots): Check[] {
  const checks = [kernelCheck(proc), capabilityCheck(proc)]
  checks.push(
    existsSync(join(sys, 'kernel/btf/vmlinux'))
      ? { name: 'BTF', state: 'ok', found: 'the kernel describes its types' }
      : {
          name: 'BTF',
          state: 'broken',
          found: 'no /sys/kernel/btf/vmlinux',
          lost: 'programs that read kernel structures cannot be fitted to this kernel',
          remedy: 'a kernel built with CONFIG_DEBUG_INFO_BTF=y (all current distributions)',
        },
  )
  const mount = cgroup2Mount(proc)
  checks.push(
    mount === undefined
      ? {
          name: 'cgroup v2',
          state: 'lost',
          found: 'not mounted',
          lost: 'the socket view: owners, and flows of local sockets',
          remedy: 'boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none /sys/fs/cgroup/unified',
        }
      : { name: 'cgroup v2', state: 'ok', found: mount },
  )
  const jit = read(join(proc, 'sys/net/core/bpf_jit_enable'))
  if (jit === '0')
    checks.push({
      name: 'JIT',
      state: 'lost',
      found: 'off',
      lost: 'speed: programs are interpreted',
      remedy: 'sysctl net.core.bpf_jit_enable=1',
    })
  else checks.push({ name: 'JIT', state: jit === undefined ? 'note' : 'ok', found: jit === undefined ? 'not known' : 'on' })
  const lockdown = /\[(\w+)\]/.exec(read(join(sys, 'kernel/security/lockdown')) ?? '')?.[1]
  if (lockdown === 'confidentiality')
    checks.push({
      name: 'lockdown',
      state: 'broken',
      found: 'confidentiality',
      lost: 'reading kernel memory is refused, owner lookup with it',
      remedy: 'boot with lockdown=integrity',
    })
  else checks.push({ name: 'lockdown', state: 'ok', found: lockdown ?? 'none' })
  return checks
}
