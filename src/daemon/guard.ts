// SPDX-License-Identifier: Apache-2.0
// Puts together what keeps rules from locking out who administers this host.
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Config } from '../config/schema.js'
import type { FlowTable } from '../flows/table.js'
import { interfaceLister } from '../kernel/interfaces.js'
import { chooseInterfaces } from '../kernel/wire.js'
import { guard, type RuleGuard } from '../rules/guard.js'
import { Lifelines } from '../rules/lifelines.js'
import { isDrop } from '../rules/model.js'
import type { DaemonParts } from './parts.js'

/** Rules of the configuration's folder are checked as well: nobody can be asked then, so names come from the configuration. */
export function ruleGuard(
  { source, roots, hostAddresses = networkInterfaces }: DaemonParts,
  { wire, rules: { override_guard } }: Config,
  table: FlowTable,
  tcp: () => readonly AddressInfo[],
): RuleGuard {
  const interfaces = interfaceLister(source, roots.sys)
  const lifelines = new Lifelines({
    roots,
    watched: () => chooseInterfaces(interfaces(), wire.interfaces),
    addresses: hostAddresses,
    table,
    api: tcp,
  })
  return async (rules, { override = override_guard, sshConnection }) => {
    if (rules.some((rule) => isDrop(rule) && !rule.audit)) guard(rules, await lifelines.find(sshConnection), override)
  }
}
