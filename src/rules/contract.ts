// SPDX-License-Identifier: Apache-2.0
// An expected-protocol contract: what a service speaks to those who connect to it. The kernel cannot decide it, since it knows no
// services: the daemon judges each flow once what it speaks is known.
import { protocolId, protocolNames } from '../flows/protocols.js'
import type { Place } from '../config/source.js'
import type { Rule } from './model.js'
import { type Path, type Reader, show } from './reader.js'

export interface Contract {
  readonly name: string
  /** Name or id of a service, or its systemd unit. */
  readonly service: string
  /** Protocol ids; 0 = given up as unknown. */
  readonly speaks: readonly number[]
  /** drop: what deviates is dropped for the flow's life; audit: only told. */
  readonly action: 'drop' | 'audit'
  /** With drop: local connections are reset, so that both ends are told. */
  readonly reset?: true
  readonly comment: string
  readonly file: string
  readonly place: Place | undefined
}

/** The name of a contract that has none of its own. */
export const ruleName = (service: string): string =>
  `contract.${service.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 50)}`.replace(/[._-]+$/, '')

const keys = ['name', 'service', 'speaks', 'action', 'reset', 'comment'] as const

export function readContract(r: Reader, value: unknown, path: Path, file: string): Contract | undefined {
  const before = r.mistakes.length
  const node = r.section(value, path, keys)
  if (r.mistakes.length > before && Object.keys(node).length === 0) return undefined
  const service = node['service']
  if (typeof service !== 'string' || !/^[^\s]{1,128}$/.test(service))
    r.fault([...path, 'service'], `service: expected the name of a service or of its unit, such as nginx.service, found ${show(service)}`)
  const name = node['name'] ?? ruleName(String(service))
  if (typeof name !== 'string' || !/^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/i.test(name))
    r.fault([...path, 'name'], `name: expected 1 to 63 letters, digits, dots, hyphens and underscores, found ${show(name)}`)
  const action = r.word(node['action'] ?? 'audit', [...path, 'action'], ['audit', 'drop'] as const)
  const reset = node['reset'] ?? false
  if (typeof reset !== 'boolean') r.fault([...path, 'reset'], `reset: expected true or false, found ${show(reset)}`)
  else if (reset && action === 'audit') r.fault([...path, 'reset'], 'goes with action: drop; leave it out, or let the contract drop', 'key')
  const comment = node['comment'] ?? ''
  if (typeof comment !== 'string' || comment.length > 500) r.fault([...path, 'comment'], 'comment: expected a text of at most 500 letters')
  if (node['speaks'] === undefined) r.fault(path, '"speaks" is missing; name the protocols, as in speaks: [http1, tls]')
  const speaks =
    node['speaks'] === undefined
      ? undefined
      : Array.isArray(node['speaks']) && node['speaks'].length === 0
        ? r.fault([...path, 'speaks'], 'speaks: the list is empty; name the protocols, or leave the contract out')
        : r.list(node['speaks'], [...path, 'speaks'], (each, at) => {
            const word = r.word(each, at, [...protocolNames(), 'unknown'])
            return word === 'unknown' ? 0 : word === undefined ? undefined : protocolId(word)
          })
  if (r.mistakes.length > before || action === undefined || speaks === undefined) return undefined
  const told = { name: name as string, service: service as string, comment: comment as string }
  return { ...told, speaks, action, ...(reset === true && { reset }), file, place: r.place(path) }
}

/** The rule that a contract's drops are counted under. */
export const ruleOfContract = ({ name, reset, comment, file, place }: Contract): Rule => ({
  name,
  action: 'drop',
  audit: false,
  comment,
  match: {},
  not: {},
  ...(reset && { reset }),
  file,
  place,
  byFlow: true,
})
