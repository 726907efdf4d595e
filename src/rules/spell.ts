// SPDX-License-Identifier: Apache-2.0
// Rules that packets alone decide, as the YAML that read.ts takes.
import type { Conditions, Endpoint, Rule } from './model.js'
import { spellCidr, spellRange, tcpFlags, transports } from './values.js'

type Words = Readonly<Record<string, unknown>>

const address = (text: string): string => text.replace(/^([^:]*)\/32$|^(.*:.*)\/128$/, '$1$2')

const endpoint = ({ cidrs, ports }: Endpoint): Words => ({
  ...(cidrs && { cidrs: cidrs.map((cidr) => address(spellCidr(cidr))) }),
  ...(ports && { ports: ports.map((range) => (range.from === range.to ? range.from : spellRange(range))) }),
})

const named = (names: Readonly<Record<string, number>>, numbers: readonly number[]): unknown[] =>
  numbers.map((number) => Object.keys(names).find((name) => names[name] === number) ?? number)

const conditions = ({ transport, reply, source, destination, tcpFlags: flags }: Conditions): Words => ({
  ...(transport && { transport: named(transports, transport) }),
  ...(reply !== undefined && { reply }),
  ...(source && { source: endpoint(source) }),
  ...(destination && { destination: endpoint(destination) }),
  ...(flags !== undefined && { tcp_flags: Object.keys(tcpFlags).filter((name) => flags & (tcpFlags[name] as number)) }),
})

/** One line a condition; JSON is YAML. Plain words need no quotes. */
const flow = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, each]) => `${key}: ${flow(each)}`)
      .join(', ')} }`
  return typeof value === 'string' && /^([a-z][a-z0-9_]*|[0-9.]+\/[0-9]+|[0-9]+-[0-9]+|([0-9]+\.){3}[0-9]+)$/.test(value)
    ? value
    : JSON.stringify(value)
}

const spellRule = ({ name, action, limit, expires, audit, comment, match, not }: Rule): string => {
  const excluded = conditions(not)
  const all = { ...conditions(match), ...(Object.keys(excluded).length > 0 && { not: excluded }) }
  return [
    `  - name: ${JSON.stringify(name)}`,
    `    action: ${action}`,
    ...(limit ? [`    rate: { ${limit.unit}_per_second: ${limit.rate}, burst: ${limit.burst}, per: ${limit.per} }`] : []),
    ...(expires === undefined ? [] : [`    expires: ${new Date(expires).toISOString()}`]),
    ...(audit ? ['    audit: true'] : []),
    ...(comment === '' ? [] : [`    comment: ${JSON.stringify(comment)}`]),
    '    match:',
    ...Object.entries(all).map(([key, value]) => `      ${key}: ${flow(value)}`),
    '',
  ].join('\n')
}

/** A rule file. */
export const spellRules = (rules: readonly Rule[]): string =>
  rules.length === 0 ? 'rules: []\n' : `rules:\n${rules.map(spellRule).join('')}`
