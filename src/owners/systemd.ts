// SPDX-License-Identifier: Apache-2.0
// Units from a cgroup path, by the layout systemd documents for its cgroup tree: slices, then one unit, and inside
// user@UID.service the same once more for the user's own manager.

import { components } from './cgroup-path.js'

export interface UnitFacts {
  unit?: string
  /** Slice the unit lies in: the innermost one. */
  slice?: string
  userUnit?: string
  userSlice?: string
  /** Login session of session-N.scope. */
  session?: string
  /** User of user@UID.service or of user-UID.slice. */
  user?: number
}

const UNIT = /^[A-Za-z0-9:_\\@-][A-Za-z0-9:_.\\@-]*\.(?:service|scope|socket|mount|swap)$/
const SLICE = /^(?:-|[A-Za-z0-9:_\\@][A-Za-z0-9:_.\\@-]*)\.slice$/
const UNIT_NAME_MAX = 255
const USER_MANAGER = /^user@(\d{1,10})\.service$/
const USER_SLICE = /^user-(\d{1,10})\.slice$/
const SESSION = /^session-([A-Za-z0-9]{1,32})\.scope$/

/** A unit whose name would clash with a cgroup file ("cpu.service") or begins with "_" gets one "_" in front. */
function bare(component: string): string {
  return component.startsWith('_') ? component.slice(1) : component
}

function isUnit(name: string): boolean {
  return name.length <= UNIT_NAME_MAX && UNIT.test(name)
}

function isSlice(name: string): boolean {
  return name.length <= UNIT_NAME_MAX && SLICE.test(name)
}

/** Slices and the unit at the front of a list; next = what comes after them. */
function level(parts: readonly string[], from: number): { slice?: string; unit?: string; slices: string[]; next: number } {
  const slices: string[] = []
  let next = from
  for (; next < parts.length; next++) {
    const name = bare(parts[next] ?? '')
    if (!isSlice(name)) break
    slices.push(name)
  }
  const name = bare(parts[next] ?? '')
  const slice = slices.at(-1)
  if (!isUnit(name)) return { slices, next, ...(slice === undefined ? {} : { slice }) }
  // A unit at the very top lies in the root slice.
  return { slices, slice: slice ?? '-.slice', unit: name, next: next + 1 }
}

export function readUnits(path: string): UnitFacts {
  const parts = components(path)
  const facts: UnitFacts = {}
  const system = level(parts, 0)
  if (system.slice !== undefined) facts.slice = system.slice
  for (const slice of system.slices) {
    const user = USER_SLICE.exec(slice)
    if (user) facts.user = Number(user[1])
  }
  if (system.unit === undefined) return facts
  facts.unit = system.unit
  const session = SESSION.exec(system.unit)
  if (session?.[1] !== undefined) facts.session = session[1]
  const manager = USER_MANAGER.exec(system.unit)
  if (!manager) return facts
  facts.user = Number(manager[1])
  const user = level(parts, system.next)
  if (user.unit !== undefined) facts.userUnit = user.unit
  if (user.slices.length > 0 && user.slice !== undefined) facts.userSlice = user.slice
  return facts
}

/** Undoes systemd's \xHH escapes, which stand for bytes of UTF-8. */
export function unescapeUnit(name: string): string {
  if (!name.includes('\\x')) return name
  const bytes: number[] = []
  for (let i = 0; i < name.length; i++) {
    const hex = name[i] === '\\' && name[i + 1] === 'x' ? name.slice(i + 2, i + 4) : ''
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      i += 3
    } else bytes.push(...Buffer.from(name[i] ?? '', 'utf8'))
  }
  return Buffer.from(bytes).toString('utf8')
}

/** foo@bar\x2dbaz.service → template foo@.service, instance bar-baz. */
export function templateOf(unit: string): { template: string; instance: string } | undefined {
  const at = unit.indexOf('@')
  const dot = unit.lastIndexOf('.')
  if (at <= 0 || dot <= at + 1) return undefined
  return { template: unit.slice(0, at + 1) + unit.slice(dot), instance: unescapeUnit(unit.slice(at + 1, dot)) }
}
