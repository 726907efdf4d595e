// SPDX-License-Identifier: Apache-2.0
// Attaches the socket view, and says what came of it.
import type { Logger } from '../log.js'
import type { Attachment, Kernel } from './kernel.js'

/** Fills `into` with what was attached, or was to be. */
export const attachHost = async (
  kernel: Pick<Kernel, 'attachHost' | 'skipped'>,
  enabled: boolean,
  cgroup: string | null,
  log: Logger,
  into: Attachment[],
): Promise<void> => {
  for (const { program, error } of kernel.skipped)
    log.warn({ program, error }, 'this kernel refuses a program; `flowident doctor` says what is lost')
  if (!enabled) {
    log.info('socket view is switched off')
    return
  }
  if (cgroup === null) log.warn('no cgroup2 hierarchy is mounted: local sockets are not watched')
  into.push(...(await kernel.attachHost({ cgroup })))
  const attached = into.filter(({ ok }) => ok).map(({ program, mode }) => `${program} (${mode})`)
  log.info({ cgroup, programs: attached.join(', ') }, 'socket view attached')
  for (const { program, target, error, ok } of into) if (!ok) log.warn({ program, target, error }, 'not attached')
}
