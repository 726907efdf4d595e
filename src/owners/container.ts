// SPDX-License-Identifier: Apache-2.0
// Containers from a cgroup path, by the names that engines give their cgroups. Only whole components count, ids must be
// 64 lower-case hexadecimal digits, and the managers beside a container (conmon, lxc.monitor) are not in it.

import type { ContainerRef, Runtime } from './facts.js'
import { readPod } from './k8s.js'
import { unescapeUnit } from './systemd.js'

export interface ContainerFound extends ContainerRef {
  /** Component that names the container. */
  index: number
}

export interface ContainerFacts {
  /** Outermost first. */
  chain: ContainerFound[]
  /** What the process is when it only manages a container. */
  manages?: string
  podmanPod?: string
  vm?: { name: string; hypervisor: string; index: number }
}

const ID = '([0-9a-f]{64})'
const PREFIX: Record<string, Runtime> = {
  docker: 'docker',
  libpod: 'podman',
  'libpod-payload': 'podman',
  'cri-containerd': 'containerd',
  nerdctl: 'containerd',
  crio: 'cri-o',
}
const SCOPE = new RegExp(`^(docker|libpod|libpod-payload|cri-containerd|nerdctl|crio)-${ID}\\.scope$`)
// Without systemd these engines keep their prefix, or split a unit of their own (podman --cgroups=split).
const PREFIXED = new RegExp(`^(libpod|libpod-payload|crio)-${ID}$`)
// The engine was told to talk to systemd and the runtime was not: SLICE:PREFIX:ID became one directory.
const COLON = new RegExp(`^[^:/]+\\.slice:(docker|libpod|cri-containerd|nerdctl|crio):${ID}$`)
const BARE = new RegExp(`^${ID}$`)
const CONMON = new RegExp(`^(?:libpod|crio)-conmon-${ID}(?:\\.scope)?$`)
const PODMAN_POD = new RegExp(`^(?:[A-Za-z0-9_.@-]+-)?libpod_pod_${ID}\\.slice$`)
const LXC_PAYLOAD = /^lxc\.payload\.(.+)$/
const LXC_MONITOR = /^lxc\.(?:monitor|pivot)(?:\.(.+))?$/
const MACHINE = /^machine-(.+)\.scope$/
const NSPAWN = /^systemd-nspawn@(.+)\.service$/
const LIBVIRT = /^(qemu|lxc|xen|ch)-\d{1,10}-(.+)$/
// Engines allow no more than this; anything else is somebody's directory that only looks like one.
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,252}$/
const USER_MANAGER = /^user@(\d{1,10})\.service$/

export function shortIdOf(id: string): string {
  return BARE.test(id) ? id.slice(0, 12) : id
}

function hexContainer(name: string, parts: readonly string[], index: number): { id: string; runtime: Runtime } | undefined {
  const prefixed = SCOPE.exec(name) ?? PREFIXED.exec(name) ?? COLON.exec(name)
  if (prefixed?.[1] !== undefined && prefixed[2] !== undefined) return { id: prefixed[2], runtime: PREFIX[prefixed[1]] ?? 'oci' }
  if (!BARE.test(name)) return undefined
  const parent = parts[index - 1]
  // Directly below libpod_parent it is a pod's id.
  if (parent === 'libpod_parent') return undefined
  if (parent === 'docker') return { id: name, runtime: 'docker' }
  const pod = readPod(parts.slice(0, index))
  // A plain id in a pod: containerd with the cgroupfs driver. CRI-O has its prefix there too.
  if (pod?.index === index - 1) return { id: name, runtime: 'containerd' }
  return { id: name, runtime: 'oci' }
}

function namedContainer(name: string, parent: string | undefined): { id: string; runtime: Runtime } | undefined {
  const payload = LXC_PAYLOAD.exec(name)?.[1]
  const lxc = payload ?? (parent === 'lxc' || parent === 'lxc.payload' ? name : undefined)
  if (lxc !== undefined && NAME.test(lxc)) return { id: lxc, runtime: 'lxc' }
  const escaped = NSPAWN.exec(name)?.[1] ?? MACHINE.exec(name)?.[1]
  if (escaped === undefined) return undefined
  const machine = unescapeUnit(escaped)
  if (!NAME.test(machine)) return undefined
  const libvirt = MACHINE.test(name) ? LIBVIRT.exec(machine) : null
  if (libvirt?.[2] === undefined) return { id: machine, runtime: 'nspawn' }
  return libvirt[1] === 'lxc' ? { id: libvirt[2], runtime: 'libvirt-lxc' } : undefined
}

function machineOf(name: string): { name: string; hypervisor: string } | undefined {
  const escaped = MACHINE.exec(name)?.[1]
  const libvirt = escaped === undefined ? null : LIBVIRT.exec(unescapeUnit(escaped))
  if (libvirt?.[1] === undefined || libvirt[2] === undefined || libvirt[1] === 'lxc' || !NAME.test(libvirt[2])) return undefined
  return { name: libvirt[2], hypervisor: libvirt[1] }
}

/** The manager that a component stands for; parent = the component above. */
function managerOf(name: string, parent: string | undefined, last: ContainerFound | undefined): string | undefined {
  const conmon = CONMON.exec(name)?.[1]
  if (conmon !== undefined) return `conmon of ${shortIdOf(conmon)}`
  if (name === 'conmon' && parent === 'libpod_parent') return 'conmon'
  const monitor = LXC_MONITOR.exec(name)
  if (monitor) return monitor[1] !== undefined && NAME.test(monitor[1]) ? `lxc.monitor of ${monitor[1]}` : 'lxc.monitor'
  if (name === 'supervisor' && last?.runtime === 'nspawn') return `nspawn of ${last.id}`
  return undefined
}

export function readContainers(parts: readonly string[]): ContainerFacts {
  const facts: ContainerFacts = { chain: [] }
  let user: number | undefined
  for (const [index, name] of parts.entries()) {
    if (name.length > 512) continue
    const parent = parts[index - 1]
    const manager = USER_MANAGER.exec(name)
    if (manager) user = Number(manager[1])
    const last = facts.chain.at(-1)
    const manages = managerOf(name, parent, last?.index === index - 1 ? last : undefined)
    if (manages !== undefined) {
      if (name === 'supervisor') facts.chain.pop()
      facts.manages = manages
      break
    }
    const pod = PODMAN_POD.exec(name)?.[1] ?? (parent === 'libpod_parent' ? BARE.exec(name)?.[1] : undefined)
    if (pod !== undefined) {
      facts.podmanPod = pod
      continue
    }
    const vm = machineOf(name)
    if (vm) {
      facts.vm = { ...vm, index }
      continue
    }
    const found = hexContainer(name, parts, index) ?? namedContainer(name, parent)
    // Some runtimes repeat the id one level further down.
    if (!found || (last?.id === found.id && last.index === index - 1)) continue
    facts.chain.push({ ...found, shortId: shortIdOf(found.id), index, ...(user === undefined ? {} : { user }) })
  }
  return facts
}
