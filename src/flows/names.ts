// SPDX-License-Identifier: Apache-2.0
// Words for the small numbers in records.

export type ViewName = 'socket' | 'wire' | 'replay'
export type RoleName = 'client' | 'server'

const VIEWS: readonly (ViewName | undefined)[] = [undefined, 'socket', 'wire', 'replay']
const ROLES: readonly (RoleName | null)[] = [null, 'client', 'server']
export const STATES = ['pending', 'watching', 'done', 'ended'] as const
export const CONFIDENCES = ['unknown', 'probable', 'confirmed'] as const
export type StateName = (typeof STATES)[number]
export type ConfidenceName = (typeof CONFIDENCES)[number]

const TRANSPORTS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmpv6', 132: 'sctp' }
export const transportName = (l4: number): string => TRANSPORTS[l4] ?? `ip-${l4}`
export const transportNumber = (name: string): number | undefined => {
  for (const [number, known] of Object.entries(TRANSPORTS)) if (known === name) return Number(number)
  return undefined
}
export const viewName = (view: number): ViewName | undefined => VIEWS[view]
export const roleName = (role: number): RoleName | null => ROLES[role] ?? null
