// SPDX-License-Identifier: Apache-2.0
// What the daemon stands on: the kernel, the folders of the host, the clock.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ReadTls } from '../deep/quic.js'
import type { KernelSource } from '../kernel/kernel.js'
import type { Clock, OwnerRoots } from '../owners/facts.js'
import type { PackChecks } from '../packs/control.js'
import type { LifelineParts } from '../rules/lifelines.js'

/** What the daemon is given; tests give other ones. */
export interface DaemonParts {
  readonly source: KernelSource
  readonly roots: Omit<OwnerRoots, 'cgroup'>
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly readTls: ReadTls | undefined
  /** Addresses of this host, by interface; those of this network namespace when left out. */
  readonly hostAddresses?: LifelineParts['addresses']
  /** What signature packs are tried with; without it there are none. */
  readonly packChecks?: PackChecks
}

const hostClock: Clock = { monotonicNs: () => process.hrtime.bigint(), realtimeNs: () => BigInt(Date.now()) * 1_000_000n }

/** The host's own. Loaded late: the addon is not needed by who brings parts of their own. */
export const hostParts = async (): Promise<DaemonParts> => {
  const { loadAddon, NativeKernelSource, packageRoot } = await import('../kernel/native-kernel.js')
  const { tlsReader } = await import('../deep/tls-labels.js')
  const addon = loadAddon()
  return {
    source: new NativeKernelSource(addon),
    roots: { proc: '/proc', sys: '/sys', passwd: '/etc/passwd', run: '/run' },
    clock: hostClock,
    env: process.env,
    version: (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version,
    readTls: tlsReader(addon),
    packChecks: addon,
  }
}
