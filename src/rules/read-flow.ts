// SPDX-License-Identifier: Apache-2.0
// `match: { flow: … }`: a query, as `flowident flows` takes it.
import { FlowidentError } from '../errors.js'
import { parseQuery, type Query } from '../flows/query.js'
import type { Action } from './model.js'
import { type Path, type Reader, show } from './reader.js'

export const isFlowMatch = (match: unknown): match is { readonly flow: unknown } =>
  typeof match === 'object' && match !== null && 'flow' in match

export function readFlow(
  r: Reader,
  match: { readonly flow: unknown },
  path: Path,
  action: Action | undefined,
  audit: boolean,
): Query | undefined {
  const here = [...path, 'flow']
  const other = Object.keys(match).find((key) => key !== 'flow')
  if (other !== undefined) return r.fault([...path, other], `${other}: does not go with flow, which is asked of flows; say it there`, 'key')
  if (audit || action !== 'drop')
    return r.fault(here, `flow: goes with drop only, ${audit ? 'without audit' : `not with ${String(action)}`}`, 'key')
  const { flow } = match
  if (typeof flow !== 'string' || flow.trim() === '')
    return r.fault(here, `flow: expected words such as "tls.sni:*.example.com unit:nginx.service", found ${show(flow)}`)
  try {
    return parseQuery(flow)
  } catch (error) {
    const { message, hint } = FlowidentError.from(error)
    return r.fault(here, hint === undefined ? message : `${message}; ${hint}`)
  }
}
