// SPDX-License-Identifier: Apache-2.0
// What /readyz says: ready, when something sees packets and the flow table was read; and each part that does less than it could.
import type { Check, Readiness } from '../api/context.js'
import type { RefreshState } from '../flows/refresh.js'
import type { Attachment, Kernel } from '../kernel/kernel.js'

export interface ReadinessParts {
  readonly attachments: readonly Attachment[]
  readonly skipped: Kernel['skipped']
  readonly refresh: RefreshState
  readonly more: readonly Check[]
}

export const readiness = ({ attachments, skipped, refresh, more }: ReadinessParts): Readiness => {
  const checks: Check[] = attachments.map(({ program, target, mode, ok, error }) => ({
    name: `${program} on ${target}`,
    ok,
    detail: ok ? (error === undefined ? mode : `${mode}, since ${error}`) : (error ?? 'not attached'),
  }))
  for (const { program, error } of skipped) checks.push({ name: program, ok: false, detail: error })
  const { runs, lastError } = refresh
  checks.push(...more, { name: 'flow table', ok: lastError === undefined, detail: lastError ?? `refreshed ${runs} times` })
  return { ready: runs > 0 && attachments.some(({ ok }) => ok), checks }
}
