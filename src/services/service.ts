// SPDX-License-Identifier: Apache-2.0
// What a service is, and names that are safe in ids and metric labels.

export type ServiceKind = 'pod' | 'container' | 'machine' | 'unit' | 'user-unit' | 'process' | 'unknown' | 'other'

export interface Service {
  /** Stable over restarts and reboots: name, version and environment, as in `payment-v2-prod`. */
  readonly id: string
  readonly name: string
  readonly version?: string
  readonly environment?: string
  readonly kind: ServiceKind
  /** Where the name is from, in words. */
  readonly reason: string
}

/** Traffic of nobody known: forwarded, or its owner was gone before it was seen. */
export const UNKNOWN: Service = { id: '~unknown', name: '~unknown', kind: 'unknown', reason: 'no owner is known' }
/** Sum of the services that there was no room for. */
export const OTHER: Service = { id: '~other', name: '~other', kind: 'other', reason: 'more services than are kept apart' }

const LONGEST = 63

/** Letters, digits, `.`, `_`, `@` and `-`; anything else, strangers' bytes included, becomes `_`. */
export const safeName = (text: string): string => {
  const safe = text
    .slice(0, 4 * LONGEST)
    .replaceAll(/[^A-Za-z0-9._@-]+/g, '_')
    .replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '')
  return safe.slice(0, LONGEST) || 'unnamed'
}

export const serviceId = (name: string, version?: string, environment?: string): string =>
  [name, version, environment]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => safeName(part!).toLowerCase())
    .join('-')
