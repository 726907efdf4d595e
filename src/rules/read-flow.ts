// SPDX-License-Identifier: Apache-2.0
// `match: { flow: … }`: a query, as `flowident flows` takes it.
import { FlowidentError } from '../errors.js'
import { parseQuery, type Query } from '../flows/query.js'
import type { Rule } from './model.js'
import { type Node, type Path, type Reader, show } from './reader.js'

/** `match` or `not` that may have it; undefined: it does not. */
export function readFlow(r: Reader, { flow }: Node, path: Path): Query | undefined {
  const here = [...path, 'flow']
  if (flow === undefined) return undefined
  if (typeof flow !== 'string' || flow.trim() === '')
    return r.fault(here, `flow: expected words such as "tls.sni:*.example.com unit:nginx.service", found ${show(flow)}`)
  try {
    return parseQuery(flow)
  } catch (error) {
    const { message, hint } = FlowidentError.from(error)
    return r.fault(here, hint === undefined ? message : `${message}; ${hint}`)
  }
}

/** Conditions that differ from packet to packet of one flow, by the names that rules have for them. */
const varying = { tcpFlags: 'tcp_flags', icmp: 'icmp', length: 'length' } as const

/** What cannot be asked of a flow as a whole. */
export function checkFlow(r: Reader, { match, not, byFlow, reset, action, audit }: Rule, path: Path): void {
  if (reset && (!byFlow || action !== 'drop' || audit)) {
    const why = byFlow
      ? `drops: ${audit ? 'this one only counts' : `the action of this one is ${action}`}`
      : 'asks for flow: the kernel decides this one alone'
    r.fault([...path, 'reset'], `goes with a rule that ${why}; leave it out`, 'key')
  }
  if (!byFlow) return
  for (const [conditions, at] of [
    [match, [...path, 'match']],
    [not, [...path, 'match', 'not']],
  ] as const)
    for (const [member, key] of Object.entries(varying) as [keyof typeof varying, string][])
      if (conditions[member] !== undefined)
        r.fault(
          [...at, key],
          'does not go with flow: it differs from packet to packet, and a flow is judged as a whole; leave one of them out',
          'key',
        )
}
