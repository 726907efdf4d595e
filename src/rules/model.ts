// SPDX-License-Identifier: Apache-2.0
// A drop rule as the rest of src/rules works on it: names are resolved to numbers, every list is complete.
import type { Place } from '../config/source.js'
import type { Query } from '../flows/query.js'
import { FI_RULES_MAX } from '../gen/abi.js'

export const MAX_RULES = FI_RULES_MAX
/** Ids that one range of tunnels has at most, and ids that a set names: each has an entry of its own in the kernel. */
export const TUNNEL_RANGE = 4096
export const MAX_TUNNELS = 65_536

/** reject: drops, and answers that it did. rate-limit: what is above `limit` is dropped, the rest passes. */
export const actions = ['drop', 'reject', 'pass', 'rate-limit'] as const
export type Action = (typeof actions)[number]

export interface Limit {
  readonly unit: 'packets' | 'bytes'
  /** Units a second. */
  readonly rate: number
  /** Units that may come at once. */
  readonly burst: number
  readonly per: 'rule' | 'source'
}

export interface Cidr {
  readonly net: 4 | 6
  /** 4 or 16 bytes, bits behind the length are 0. */
  readonly bytes: Uint8Array
  readonly length: number
}

/** Both ends belong to it. */
export interface Range {
  readonly from: number
  readonly to: number
}

export interface Endpoint {
  readonly cidrs?: readonly Cidr[]
  readonly ports?: readonly Range[]
}

/** What a packet must show, or, under `not`, must not show. Members that are missing say nothing. */
export interface Conditions {
  /** Names or patterns with `*`. */
  readonly interface?: readonly string[]
  readonly direction?: 'in' | 'out'
  readonly ipVersion?: 4 | 6
  /** IP protocol numbers. */
  readonly transport?: readonly number[]
  /** Comes from the end that did not open the flow. */
  readonly reply?: boolean
  readonly source?: Endpoint
  readonly destination?: Endpoint
  /** All of these bits are set; under `not`: none of them is. */
  readonly tcpFlags?: number
  /** 0 = untagged. */
  readonly vlan?: readonly Range[]
  /** Type and code, as icmp.ts numbers them. */
  readonly icmp?: readonly Range[]
  /** Bytes of the IP packet. */
  readonly length?: readonly Range[]
  /** Ids; 0 = in no tunnel that has one. */
  readonly tunnel?: readonly Range[]
  /** Ids of the layer that names the flow; 0 = given up as unknown. */
  readonly protocol?: readonly number[]
  /** Ids of which one is among the flow's layers. */
  readonly layer?: readonly number[]
  /** enum fi_confidence at least; under `not`: less than that. */
  readonly confidence?: number
}

export interface Rule {
  readonly name: string
  readonly action: Action
  readonly audit: boolean
  readonly comment: string
  readonly match: Conditions
  readonly not: Conditions
  /** With the action rate-limit. */
  readonly limit?: Limit
  /** Milliseconds since 1970; from then on it is as if it were not there. */
  readonly expires?: number
  /** What the daemon asks of each flow, and what must not hold; with byFlow. See flow-watch.ts. */
  readonly flow?: Query
  readonly notFlow?: Query
  /** With flow and drop: local connections are reset, so that both ends are told. */
  readonly reset?: true
  /** No packet meets it: the daemon gives it flows. Its conditions are asked of the packets that a flow's ends send. */
  readonly byFlow?: true
  /** Where it stands. */
  readonly file: string
  readonly place: Place | undefined
}

/** A rule of a set that is not in force with the others. */
export interface LeftOut {
  readonly name: string
  /** With the place where it stands. */
  readonly why: string
}

/** The daemon gives it flows by a contract, not by what the rule itself asks. */
export const isOfContract = ({ byFlow, flow, notFlow }: Rule): boolean => byFlow === true && flow === undefined && notFlow === undefined

const asks = ({ protocol, layer, confidence }: Conditions): boolean =>
  protocol !== undefined || layer !== undefined || confidence !== undefined

/** Drops all that it decides. */
export const isDrop = ({ action }: Pick<Rule, 'action'>): boolean => action === 'drop' || action === 'reject'
/** Packets alone do not decide it: the flow's verdict takes part. */
export const isKeyed = ({ match, not }: Rule): boolean => asks(match) || asks(not)
/** Acts, does not drop, and may match later than the first packet: what comes behind it waits for the verdict. */
export const holdsUp = (rule: Rule): boolean => !rule.audit && !isDrop(rule) && (rule.byFlow === true || isKeyed(rule))
/** Says what the verdict must not be: asked only when it is settled, since a verdict that is open is anything yet. */
export const needsSettled = ({ match, not }: Rule): boolean => asks(not) || (match.protocol?.includes(0) ?? false)
/** Its keys cannot match a flow of which nothing is known, however long it goes on. */
const deep = ({ source, destination, tcpFlags, icmp, transport, reply, protocol, layer }: Conditions): boolean =>
  [source?.ports, destination?.ports, tcpFlags, icmp, transport, reply, protocol, layer].some((each) => each !== undefined)
/** Asks for what differs from packet to packet of one flow: what it says of one says nothing of the next. */
export const varies = ({ match, not }: Rule): boolean => [match, not].some(({ icmp, length }) => icmp !== undefined || length !== undefined)
/** Looks behind the IP header. */
export const looksDeep = ({ match, not }: Rule): boolean => deep(match) || deep(not)

const ofLink = ({ interface: names, vlan, tunnel }: Conditions): boolean => [names, vlan, tunnel].some((each) => each !== undefined)
/** Asks for what a socket does not know of its packets. */
export const needsWire = ({ match, not }: Rule): boolean => ofLink(match) || ofLink(not)

/** Where a rule is enforced follows from its match. */
export const enforcedAt = (rule: Rule): string => {
  if (rule.byFlow) return `XDP, TC${needsWire(rule) ? '' : '; cgroup where neither is'}; flows that the daemon judges`
  const direction = rule.match.direction ?? (rule.not.direction === undefined ? undefined : rule.not.direction === 'in' ? 'out' : 'in')
  const hooks = direction === 'in' ? 'XDP (TC where XDP is not attached)' : direction === 'out' ? 'TC egress' : 'XDP, TC egress'
  return isKeyed(rule) ? `${hooks}; after the verdict` : hooks
}
