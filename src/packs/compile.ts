// SPDX-License-Identifier: Apache-2.0
// Rules of signature packs as the interpreter in bpf/lib/pack.h reads them.
import { FlowidentError } from '../errors.js'

export type Match =
  | { readonly kind: 'bytes'; readonly at: number; readonly want: Uint8Array; readonly mask: Uint8Array }
  | { readonly kind: 'contains'; readonly at: number; readonly end: number; readonly want: Uint8Array }
  | { readonly kind: 'length'; readonly at: number; readonly width: number; readonly little: boolean; readonly add: number }
  | { readonly kind: 'minimum'; readonly bytes: number }

export interface Rule {
  readonly direction: 'client' | 'server' | 'either'
  readonly matches: readonly Match[]
}

export interface Pack {
  readonly file: string
  readonly name: string
  readonly transport: 'tcp' | 'udp'
  readonly grade: 'weak' | 'fair' | 'strong'
  readonly bothDirections: boolean
  readonly rules: readonly Rule[]
}

export const WINDOW = 512
export const MAX_PACKS = 32
export const MAX_RULES = 64
export const MAX_MATCHES = 8
export const MAX_BYTES = 32
/** Bytes of windows that the `contains` of all packs may search in together: 8,192 take about 20 µs of a packet that satisfies
 * the other matches of all rules. */
export const MAX_SEARCH = 8192
const FIRST_ID = 96
/** Bytes of a name in struct fi_pack_name, its end included. */
const NAME_SIZE = 32
const MATCH_SIZE = 76
const RULE_SIZE = 8 + MAX_MATCHES * MATCH_SIZE
const OP = { bytes: 1, contains: 2, length: 3, minimum: 4 } as const
const WHO = { either: 0, client: 1, server: 2 } as const
const GRADE = { weak: 1, fair: 2, strong: 3 } as const

const ones = (byte: number): number => byte.toString(2).replaceAll('0', '').length

/** Bits that bytes at random would have to hit: what a rule proves. */
export function evidenceBits(rule: Rule): number {
  const fixed = new Uint8Array(WINDOW)
  let bits = 0
  for (const match of rule.matches) {
    if (match.kind === 'bytes') for (const [i, mask] of match.mask.entries()) fixed[match.at + i]! |= mask
    else if (match.kind === 'length') bits += 8 * match.width
    else if (match.kind === 'contains')
      bits += Math.max(0, 8 * match.want.length - Math.ceil(Math.log2(match.end - match.at - match.want.length + 1)))
  }
  return fixed.reduce((sum, mask) => sum + ones(mask), bits)
}

function writeMatch(view: DataView, at: number, match: Match): void {
  view.setUint8(at, OP[match.kind])
  if (match.kind === 'minimum') {
    view.setInt32(at + 8, match.bytes, true)
    return
  }
  view.setUint16(at + 4, match.at, true)
  if (match.kind === 'length') {
    view.setUint8(at + 1, match.width)
    view.setUint8(at + 2, match.little ? 1 : 0)
    view.setInt32(at + 8, match.add, true)
    return
  }
  view.setUint8(at + 1, match.want.length)
  if (match.kind === 'contains') view.setUint16(at + 6, match.end, true)
  for (const [i, byte] of match.want.entries()) {
    const mask = match.kind === 'bytes' ? match.mask[i]! : 255
    view.setUint8(at + 12 + i, byte & mask)
    view.setUint8(at + 44 + i, mask)
  }
}

export interface Compiled {
  readonly rules: Uint8Array
  readonly names: ReadonlyMap<number, string>
}

/** Bytes that the rule's `contains` may look through. */
export const searchBytes = (rule: Rule): number =>
  rule.matches.reduce((sum, match) => sum + (match.kind === 'contains' ? match.end - match.at : 0), 0)

/** What looks at one place comes before what searches. */
const inOrder = ({ matches }: Rule): readonly Match[] => [
  ...matches.filter(({ kind }) => kind !== 'contains'),
  ...matches.filter(({ kind }) => kind === 'contains'),
]

/** Names of ids as the kernel keeps them (KernelHandle.packNames), and back. */
export function readNames(bytes: Uint8Array): Map<number, string> {
  const names = new Map<number, string>()
  for (let i = 0; i * NAME_SIZE < bytes.length; i++) {
    const name = Buffer.from(bytes.subarray(i * NAME_SIZE, (i + 1) * NAME_SIZE))
    if (name[0] !== 0) names.set(FIRST_ID + i, name.toString('latin1', 0, name.indexOf(0)))
  }
  return names
}
export function writeNames(names: ReadonlyMap<number, string>): Uint8Array {
  const bytes = Buffer.alloc(MAX_PACKS * NAME_SIZE)
  for (const [id, name] of names) bytes.write(name, (id - FIRST_ID) * NAME_SIZE, NAME_SIZE - 1, 'latin1')
  return bytes
}

/** Ids for packs. A name that `taken` has keeps its id, and the id of no other name is given away: flows that were identified
 * before are still told by it. Throws when there is no id left. */
function giveIds(packs: readonly Pack[], taken: ReadonlyMap<number, string>): Map<number, string> {
  const names = new Map(taken)
  const byName = new Map([...taken].map(([id, name]) => [name, id]))
  for (const { name, file } of packs) {
    if (byName.has(name)) continue
    let id = FIRST_ID
    while (names.has(id)) id++
    if (id >= FIRST_ID + MAX_PACKS)
      throw new FlowidentError('config-invalid', `${file}: there is no protocol id left for ${name}`, {
        details: [`${MAX_PACKS} names were used since the programs were loaded, also those of packs that are gone`],
        hint: 'Stop flowident and start it again.',
      })
    names.set(id, name)
    byName.set(name, id)
  }
  return names
}

/** A pack that needs both directions is weak: the other end must agree. `taken`: ids that have names already. */
export function compilePacks(packs: readonly Pack[], taken: ReadonlyMap<number, string> = new Map()): Compiled {
  const names = giveIds(packs, taken)
  const ids = new Map([...names].map(([id, name]) => [name, id]))
  const all = packs.flatMap((pack) => pack.rules.map((rule) => ({ pack, rule, id: ids.get(pack.name)! })))
  const rules = new Uint8Array(all.length * RULE_SIZE)
  const view = new DataView(rules.buffer)
  for (const [i, { pack, rule, id }] of all.entries()) {
    const at = i * RULE_SIZE
    view.setUint16(at, id, true)
    view.setUint8(at + 2, pack.transport === 'tcp' ? 6 : 17)
    view.setUint8(at + 3, WHO[rule.direction])
    view.setUint8(at + 4, pack.bothDirections ? GRADE.weak : GRADE[pack.grade])
    view.setUint8(at + 5, rule.matches.length)
    for (const [k, match] of inOrder(rule).entries()) writeMatch(view, at + 8 + k * MATCH_SIZE, match)
  }
  return { rules, names }
}
