// SPDX-License-Identifier: Apache-2.0
// How a process is confined, as seen from outside of it: user, capabilities, seccomp, namespaces, addresses it listens on.
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { endpointAddress, parseSocketTable } from '../owners/socket-table.js'

/** Bits of CapEff, include/uapi/linux/capability.h. */
const CAPABILITIES = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin ' +
  'net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time ' +
  'sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon ' +
  'bpf checkpoint_restore'
).split(' ')
/** With one of these a process is as good as root. */
const POWERFUL = new Set(['sys_admin', 'sys_module', 'sys_rawio', 'sys_ptrace', 'dac_override', 'setuid', 'bpf', 'mac_admin'])
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const
/** Numbers of the initial namespaces (include/linux/proc_ns.h), for when process 1 may not be looked at. */
const INITIAL: Readonly<Record<string, number>> = {
  cgroup: 4026531835,
  ipc: 4026531839,
  pid: 4026531836,
  user: 4026531837,
  uts: 4026531838,
}
const SECCOMP = ['off', 'strict', 'filter'] as const
const DESCRIPTORS = 65_536
const [LISTEN, UNCONNECTED] = ['0A', '07']

export interface ListeningAddress {
  readonly transport: 'tcp' | 'udp'
  readonly address: string
  readonly port: number
}

export interface Finding {
  /** A word that stays the same. */
  readonly id: string
  readonly text: string
}

export interface Posture {
  readonly uid: number
  readonly seccomp: (typeof SECCOMP)[number]
  readonly no_new_privileges: boolean
  /** Effective ones, without `cap_`. */
  readonly capabilities: string[]
  /** Namespaces that are those of process 1; the ones that cannot be compared are left out. */
  readonly host_namespaces: string[]
  readonly listening: ListeningAddress[]
  readonly findings: Finding[]
}

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Names of the bits that are set; numbers for those that have none here. */
export const capabilityNames = (mask: bigint): string[] =>
  Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => (mask >> BigInt(bit)) & 1n)
    .map((bit) => CAPABILITIES[bit] ?? `${bit}`)

function listening(folder: string): ListeningAddress[] {
  const own = new Set<string>()
  for (const fd of (attempt(() => readdirSync(join(folder, 'fd'))) ?? []).slice(0, DESCRIPTORS)) {
    const inode = /^socket:\[(\d+)\]$/.exec(attempt(() => readlinkSync(join(folder, 'fd', fd))) ?? '')?.[1]
    if (inode !== undefined) own.add(inode)
  }
  const found = new Map<string, ListeningAddress>()
  for (const file of ['tcp', 'tcp6', 'udp', 'udp6']) {
    const transport = file.startsWith('tcp') ? 'tcp' : 'udp'
    const text = attempt(() => readFileSync(join(folder, 'net', file), 'latin1')) ?? ''
    for (const { local, remote, state, inode } of parseSocketTable(text)) {
      if (!own.has(inode) || state !== (transport === 'tcp' ? LISTEN : UNCONNECTED) || remote.port !== 0) continue
      const address = endpointAddress(local)
      found.set(`${transport} ${address} ${local.port}`, { transport, address, port: local.port })
    }
  }
  return [...found.values()].sort((a, b) => a.port - b.port || (a.address < b.address ? -1 : 1))
}

function findings(posture: Omit<Posture, 'findings'>, known: readonly string[]): Finding[] {
  const found: Finding[] = []
  const add = (id: string, text: string): void => void found.push({ id, text })
  const powerful = posture.capabilities.filter((name) => POWERFUL.has(name))
  const open = posture.listening.filter(({ address }) => address === '0.0.0.0' || address === '::')
  if (posture.uid === 0) add('runs-as-root', 'runs as root')
  if (powerful.length > 0) add('powerful-capabilities', `has capabilities that are as good as root: ${powerful.join(', ')}`)
  if (posture.seccomp === 'off') add('no-seccomp', 'may make every system call: no seccomp filter')
  if (!posture.no_new_privileges) add('new-privileges', 'may gain privileges by starting set-user-id programs: no NoNewPrivs')
  if (known.length > 0 && known.every((name) => posture.host_namespaces.includes(name)))
    add('host-namespaces', 'shares every namespace with the host')
  if (open.length > 0)
    add('listens-everywhere', `listens on all addresses: ${open.map(({ transport, port }) => `${transport} ${port}`).join(', ')}`)
  return found
}

/** undefined: the process is gone, or may not be looked at. `proc`: where procfs is mounted. */
export function readPosture(proc: string, pid: number): Posture | undefined {
  const folder = join(proc, `${pid}`)
  const status = attempt(() => readFileSync(join(folder, 'status'), 'latin1'))
  if (status === undefined) return undefined
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s+(\\S+)(?:\\s+(\\S+))?`, 'm').exec(status)?.slice(1).findLast(Boolean) ?? ''
  const space = (of: string | number, name: string) => attempt(() => statSync(join(proc, `${of}`, 'ns', name)).ino)
  const host = (name: string) => space(1, name) ?? INITIAL[name]
  const known = NAMESPACES.filter((name) => host(name) !== undefined)
  const seen = {
    uid: Number(field('Uid')),
    seccomp: SECCOMP[Number(/^Seccomp:\s+(\d)/m.exec(status)?.[1] ?? 0)] ?? 'off',
    no_new_privileges: /^NoNewPrivs:\s+1/m.test(status),
    capabilities: capabilityNames(BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`)),
    host_namespaces: known.filter((name) => space(pid, name) === host(name)),
    listening: listening(folder),
  }
  return { ...seen, findings: findings(seen, known) }
}
