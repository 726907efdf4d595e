// SPDX-License-Identifier: Apache-2.0
// How much stack the programs of a BPF object need, function by function and along each chain of calls, as a verifier adds it up.

interface Section {
  readonly name: string
  readonly type: number
  readonly flags: number
  readonly link: number
  readonly info: number
  readonly data: Buffer
}
interface Fn {
  readonly name: string
  readonly section: number
  readonly at: number
  readonly size: number
  /** Bytes below the frame pointer that are touched. */
  depth: number
  readonly calls: Set<Fn>
}
export interface Chain {
  readonly program: string
  readonly bytes: number
  readonly functions: readonly string[]
}

const [RELOCATIONS, SYMBOLS, CODE, FUNCTION] = [9, 2, 4, 2]
const text = (table: Buffer, at: number): string => table.toString('latin1', at, table.indexOf(0, at))

function sectionsOf(elf: Buffer): Section[] {
  const at = Number(elf.readBigUInt64LE(0x28))
  const size = elf.readUInt16LE(0x3a)
  const heads = Array.from({ length: elf.readUInt16LE(0x3c) }, (_, i) => elf.subarray(at + i * size, at + (i + 1) * size))
  const body = (head: Buffer): Buffer =>
    elf.subarray(Number(head.readBigUInt64LE(0x18)), Number(head.readBigUInt64LE(0x18) + head.readBigUInt64LE(0x20)))
  const names = body(heads[elf.readUInt16LE(0x3e)] as Buffer)
  return heads.map((head) => ({
    name: text(names, head.readUInt32LE(0)),
    type: head.readUInt32LE(4),
    flags: Number(head.readBigUInt64LE(8)),
    link: head.readUInt32LE(0x28),
    info: head.readUInt32LE(0x2c),
    data: head.readUInt32LE(4) === 8 ? Buffer.alloc(0) : body(head),
  }))
}

/** Deepest access below the frame pointer: direct, or by an address made of it. */
function depthOf(code: Buffer): number {
  let depth = 0
  let copy = -1
  for (let at = 0; at + 8 <= code.length; at += 8) {
    const [op, registers] = [code.readUInt8(at), code.readUInt8(at + 1)]
    const [dst, src] = [registers & 15, registers >> 4]
    const kind = op & 7
    if ((kind === 1 && src === 10) || ((kind === 2 || kind === 3) && dst === 10)) depth = Math.max(depth, -code.readInt16LE(at + 2))
    if (op === 0x07 && dst === copy) depth = Math.max(depth, -code.readInt32LE(at + 4))
    copy = op === 0xbf && src === 10 ? dst : -1
    if (op === 0x18) at += 8 // a 64-bit constant takes two
  }
  return depth
}

/** The longest chain of each program; every frame counts as a multiple of `step` bytes. */
export function stackChains(elf: Buffer, step: number): Chain[] {
  const sections = sectionsOf(elf)
  const table = sections.find(({ type }) => type === SYMBOLS) as Section
  const names = (sections[table.link] as Section).data
  const symbols = Array.from({ length: table.data.length / 24 }, (_, i) => {
    const at = i * 24
    return {
      name: text(names, table.data.readUInt32LE(at)),
      kind: table.data.readUInt8(at + 4) & 15,
      section: table.data.readUInt16LE(at + 6),
      value: Number(table.data.readBigUInt64LE(at + 8)),
      size: Number(table.data.readBigUInt64LE(at + 16)),
    }
  })
  const fns = symbols
    .filter(({ kind, section }) => kind === FUNCTION && ((sections[section]?.flags ?? 0) & CODE) !== 0)
    .map(({ name, section, value, size }): Fn => ({ name, section, at: value, size, depth: 0, calls: new Set() }))
  const fnAt = (section: number, at: number): Fn | undefined => fns.find((f) => f.section === section && at >= f.at && at < f.at + f.size)
  for (const fn of fns) {
    const code = (sections[fn.section] as Section).data
    fn.depth = depthOf(code.subarray(fn.at, fn.at + fn.size))
    for (let at = fn.at; at < fn.at + fn.size; at += 8)
      if (code.readUInt8(at) === 0x85 && code.readUInt8(at + 1) >> 4 === 1) {
        const callee = fnAt(fn.section, at + 8 * (code.readInt32LE(at + 4) + 1))
        if (callee) fn.calls.add(callee)
      }
  }
  for (const { type, info, data } of sections) {
    if (type !== RELOCATIONS || !((sections[info]?.flags ?? 0) & CODE)) continue
    const code = (sections[info] as Section).data
    for (let i = 0; i < data.length; i += 16) {
      const at = Number(data.readBigUInt64LE(i))
      const symbol = symbols[Number(data.readBigUInt64LE(i + 8) >> 32n)]
      if (code.readUInt8(at) !== 0x85 || !symbol) continue
      // A relocation against the section says the function by the instruction's own number.
      const callee = fnAt(symbol.section, symbol.kind === FUNCTION ? symbol.value : 8 * (code.readInt32LE(at + 4) + 1))
      const caller = fnAt(info, at)
      if (caller && callee) caller.calls.add(callee)
    }
  }
  const known = new Map<Fn, Omit<Chain, 'program'>>()
  const longest = (fn: Fn): Omit<Chain, 'program'> => {
    const before = known.get(fn)
    if (before) return before
    const below = [...fn.calls].filter((each) => each !== fn).map(longest)
    const deepest = below.sort((a, b) => b.bytes - a.bytes)[0] ?? { bytes: 0, functions: [] }
    const chain = { bytes: Math.ceil(Math.max(fn.depth, 1) / step) * step + deepest.bytes, functions: [fn.name, ...deepest.functions] }
    known.set(fn, chain)
    return chain
  }
  return fns.filter(({ section }) => sections[section]?.name !== '.text').map((fn) => ({ program: fn.name, ...longest(fn) }))
}
