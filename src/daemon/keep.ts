// SPDX-License-Identifier: Apache-2.0
// Opens the kernel part, with or without what the process before this one kept.
import { join } from 'node:path'
import type { Config } from '../config/schema.js'
import { FlowidentError } from '../errors.js'
import { kernelOptions } from '../kernel/options.js'
import type { Kernel, KernelSource } from '../kernel/kernel.js'
import type { Logger } from '../log.js'
import { forgetful, type LeftRules, RuleFile, type RuleStore } from '../rules/saved.js'

/** Without `keep.enabled`, what was kept before is removed first: nobody would look after it. */
export async function openKernel(source: KernelSource, config: Config, log: Logger): Promise<Kernel> {
  const { enabled, folder } = config.keep
  if (!enabled && source.takeDown) {
    const removed = await source.takeDown(folder).catch((error: unknown) => {
      log.warn({ folder }, `what is kept there stays: ${FlowidentError.from(error).message}`)
      return 0
    })
    if (removed > 0) log.warn({ folder, removed }, 'removed what an earlier process kept or left, since keep.enabled is off')
  }
  if (enabled && source.sweep) {
    const swept = source.sweep(folder)
    if (swept > 0) log.warn({ swept }, 'removed classifiers that a killed process had left attached')
  }
  const kernel = await source.open(kernelOptions(config))
  const { error, maps = 0, otherLayouts = 0 } = kernel.kept
  if (error !== undefined)
    log.warn({ error }, 'nothing is kept: when this process ends, rules and flows do; `flowident doctor` says what is missing')
  else if (maps > 0) log.info({ folder, maps }, 'flows, counters and rules of the process before are taken over')
  else if (otherLayouts > 0)
    log.info({ folder }, 'another version was here: its rules and attachments are taken over, not what it knew of flows')
  return kernel
}

/** Says what became of it once everything is attached. */
export function settle(kernel: Kernel, log: Logger): void {
  kernel.settle()
  const { folder, links } = kernel.kept
  if (folder !== undefined) log.info({ folder, links }, 'what is attached stays when this process ends; `flowident down` removes it')
}

/** What the process before this one left of its rules. */
export const leftRules = ({ kept: { maps = 0, otherLayouts = 0, rulesOff = false } }: Kernel): LeftRules =>
  maps > 0 ? 'tables' : otherLayouts === 0 ? 'nothing' : rulesOff ? 'text-off' : 'text'

export const ruleStore = (kernel: Kernel, { keep }: Config): RuleStore =>
  kernel.kept.folder === undefined ? forgetful : new RuleFile(join(keep.state, 'rules.json'))
