// SPDX-License-Identifier: Apache-2.0
// One object as lines of `key  value`, nested objects indented.
import { type Paint, printable, width } from './output.js'

const plain = (value: unknown): value is string | number | boolean => ['string', 'number', 'boolean'].includes(typeof value)

export function details(object: Readonly<Record<string, unknown>>, paint: Paint, indent = ''): string[] {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined && value !== null && value !== '')
  const keys = Math.min(
    40,
    entries.reduce((widest, [key]) => Math.max(widest, width(key)), 0),
  )
  return entries.flatMap(([key, value]) => {
    const head = `${indent}${paint('cyan', printable(key).padEnd(keys))}  `
    if (plain(value)) return [head + printable(String(value))]
    if (Array.isArray(value)) {
      if (value.every(plain)) return [head + printable(value.join(', '))]
      return [head.trimEnd(), ...value.flatMap((each) => [...details(each as Record<string, unknown>, paint, `${indent}  `), ''])]
    }
    return [head.trimEnd(), ...details(value as Record<string, unknown>, paint, `${indent}  `)]
  })
}
