// SPDX-License-Identifier: Apache-2.0
// Label selectors of Kubernetes: all that is asked must hold; nothing asked matches everything.
import { type Node, type Path, type Reader, show } from '../reader.js'

export type Labels = Readonly<Record<string, string>>

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const

interface Expression {
  readonly key: string
  readonly operator: (typeof operators)[number]
  readonly values: readonly string[]
}

export interface Selector {
  readonly labels: Labels
  readonly expressions: readonly Expression[]
}

function holdsExpression({ key, operator, values }: Expression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

export const selects = ({ labels, expressions }: Selector, of: Labels): boolean =>
  Object.entries(labels).every(([key, value]) => Object.hasOwn(of, key) && of[key] === value) &&
  expressions.every((each) => holdsExpression(each, of))

const text = (r: Reader, value: unknown, path: Path): string | undefined =>
  typeof value === 'string' ? value : r.fault(path, `${path.at(-1)}: expected a text, found ${show(value)}; put it in quotes`)

function readExpression(r: Reader, value: unknown, path: Path): Expression | undefined {
  const node = r.section(value, path, ['key', 'operator', 'values'])
  const key = text(r, node['key'], [...path, 'key'])
  const operator = r.word(node['operator'], [...path, 'operator'], operators)
  if (key === undefined || operator === undefined) return undefined
  const listed = operator === 'In' || operator === 'NotIn'
  const values = node['values'] ?? []
  if (!Array.isArray(values)) return r.fault([...path, 'values'], `values: expected a list, found ${show(values)}`)
  if (listed !== values.length > 0)
    return r.fault([...path, 'values'], listed ? `${operator} needs values` : `${operator} takes no values; leave them out`)
  return { key, operator, values: values.map((each, i) => text(r, each, [...path, 'values', i]) ?? '') }
}

export function readSelector(r: Reader, value: unknown, path: Path): Selector {
  const node: Node = r.section(value ?? {}, path, ['matchLabels', 'matchExpressions'])
  const labels: Record<string, string> = {}
  const given = node['matchLabels'] ?? {}
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    r.fault([...path, 'matchLabels'], `matchLabels: expected labels and their values, found ${show(given)}`)
  else for (const [key, each] of Object.entries(given)) labels[key] = text(r, each, [...path, 'matchLabels', key]) ?? ''
  const list = node['matchExpressions'] ?? []
  if (!Array.isArray(list)) r.fault([...path, 'matchExpressions'], `matchExpressions: expected a list, found ${show(list)}`)
  const expressions = Array.isArray(list)
    ? list.map((each, i) => readExpression(r, each, [...path, 'matchExpressions', i])).filter((each) => each !== undefined)
    : []
  return { labels, expressions }
}
