// SPDX-License-Identifier: Apache-2.0
// Types of this area: where facts come from, and what is concluded from them.

/** Time as the records have it (CLOCK_MONOTONIC), and of the wall for people. */
export interface Clock {
  monotonicNs(): bigint
  realtimeNs(): bigint
}

export interface OwnerRoots {
  proc: string
  sys: string
  /** Mount point of the cgroup2 hierarchy; null when there is none. */
  cgroup: string | null
  passwd: string
  run: string
}

export interface OwnerLimits {
  /** Process ids remembered (of each number here at least half, see lru.ts); each with the last few processes that had it. */
  processes: number
  /** Cgroups remembered while they exist; a walk visits half as many directories. */
  cgroups: number
  /** Removed cgroups remembered, and for how long: flows that ended may still name them. */
  removedCgroups: number
  removedSeconds: number
  /** Resolved owners remembered. */
  facts: number
}

export const DEFAULT_LIMITS: OwnerLimits = { processes: 8192, cgroups: 32768, removedCgroups: 2048, removedSeconds: 600, facts: 8192 }

/** The struct's string members end here (FI_PATH, FI_ARGS): a value this long may have been cut. */
export const KERNEL_TEXT = 256

/** One step of the way from a socket to its owner. */
export interface Reason {
  field: string
  value: string
  from: string
}

export type Runtime = 'docker' | 'podman' | 'containerd' | 'cri-o' | 'lxc' | 'libvirt-lxc' | 'nspawn' | 'oci'

export interface ContainerRef {
  id: string
  /** First 12 characters of a hexadecimal id; a name stays whole. */
  shortId: string
  runtime: Runtime
  /** Uid of the user manager it runs under: that user chose the name, so it proves nothing about other users. */
  user?: number
}

export interface OwnerContainer extends ContainerRef {
  /** Nanoseconds of the wall clock, and what it was taken from. */
  createdNs?: bigint
  createdFrom?: CreatedFrom
}

/** mkdir: kernel's record of the moment. birth, ctime: of the cgroup directory (ctime is when the kernel last set up the
 * inode, so it can be later than the creation). */
export type CreatedFrom = 'mkdir' | 'birth' | 'ctime'

/** Names of enum fi_owner_how, by its numbers. */
export const OWNER_HOW = ['none', 'created', 'found', 'used'] as const
export type OwnerHow = (typeof OWNER_HOW)[number]

export interface OwnerFacts {
  pid: number
  ppid: number
  startNs: bigint
  comm: string
  exePath?: string
  /** The file was deleted or replaced since it was started. */
  exeDeleted?: true
  commandLine?: string
  uid: number
  userName?: string
  cgroupId: bigint
  cgroupPath?: string
  cgroupRemoved?: true
  unit?: string
  userUnit?: string
  slice?: string
  session?: string
  /** Unit of the service manager inside the container or machine. */
  innerUnit?: string
  container?: OwnerContainer
  /** All containers around the process, outermost first; only when there is more than one. */
  containerChain?: ContainerRef[]
  /** Process belongs to the container's manager (conmon, lxc.monitor, nspawn's supervisor), not to the container. */
  manages?: string
  podUid?: string
  podQos?: PodQos
  podmanPod?: string
  vm?: { name: string; hypervisor: string }
  netns: number
  netnsName?: string
  how: OwnerHow
  reasons: Reason[]
}

export type PodQos = 'guaranteed' | 'burstable' | 'besteffort'
