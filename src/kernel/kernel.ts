// SPDX-License-Identifier: Apache-2.0
// The port between the daemon and what sees packets. Everything to the right of it (flows, owners, services, API) is written
// against this interface, so that it also runs on recorded batches. native/addon.d.ts declares the shapes; nobody else imports it.
import type { Addon, KernelHandle, KernelOptions } from '../../native/addon.js'

export type {
  Addon,
  Attachment,
  KernelHandle,
  KernelOptions,
  MapStats,
  NativeError,
  ProgramStats,
  ReplayHandle,
} from '../../native/addon.js'

/** Loaded programs and their maps. Closing detaches everything; `using` closes. */
export interface Kernel extends KernelHandle, Disposable {}

/** Answer of one try-out of a kernel feature. */
export type Probe = Awaited<ReturnType<Addon['probe']>>[number]

/** Makes kernels; the daemon takes one as an argument. */
export interface KernelSource {
  open(options: KernelOptions): Promise<Kernel>
  probe(): Promise<Probe[]>
  /** Removes what processes before this one kept in a folder, and what sweep() removes; says how many objects. */
  takeDown?(folder: string): Promise<number>
  /** Removes what killed processes left attached and nobody looks after; what is kept in the folder stays. Says how many. */
  sweep?(folder: string): number
  version(): ReturnType<Addon['version']>
  sdNotify(state: string): boolean
  peerCredentials(fd: number): { pid: number; uid: number; gid: number }
  /** Rules over packets in user space: Addon.evaluateRules. */
  readonly evaluateRules: Addon['evaluateRules']
  /** Ends the connection of a local socket: Addon.resetSocket. */
  readonly resetSocket?: Addon['resetSocket']
  /** Interfaces of our network namespace; undefined: /sys/class/net tells. */
  interfaces?(): ReturnType<Addon['interfaces']>
}
