// SPDX-License-Identifier: Apache-2.0
// Reads test/vectors/<protocol>.md: bytes, and what the protocol's signature and label function say about them.
// The format is described in CONTRIBUTING.md.
import { readdirSync, readFileSync } from 'node:fs'

export interface Hit {
  grade: 'weak' | 'fair' | 'strong'
  who: 'client' | 'server' | 'either'
  sig: number
  off?: number
  over?: string
  skip?: number
}

export interface Vector {
  file: string
  /** Public name of the protocol: the file's name. */
  protocol: string
  title: string
  line: number
  l4: 6 | 17
  start: boolean
  whole: boolean
  from: 'client' | 'server' | 'either'
  sport: number
  dport: number
  total?: number
  below?: string
  bytes: Buffer
  out: 'no' | 'more' | Hit
  labels: Record<string, string>
  top?: string
}

const ESCAPES: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }

/** \r \n \t \0 \\ \xHH; everything else stands for itself, as UTF-8. */
export function decodeText(text: string, where: string): Buffer {
  const parts: Buffer[] = []
  for (const [part] of text.matchAll(/\\x[0-9a-fA-F]{2}|\\[\s\S]?|[^\\]+/g)) {
    if (part.startsWith('\\x') && part.length === 4) parts.push(Buffer.from(part.slice(2), 'hex'))
    else if (part.startsWith('\\')) {
      const value = ESCAPES[part[1] ?? '']
      if (value === undefined) throw new Error(`${where}: ${JSON.stringify(part)} is no escape`)
      parts.push(Buffer.from(value))
    } else parts.push(Buffer.from(part))
  }
  return Buffer.concat(parts)
}

function unhex(text: string, where: string): Buffer {
  const digits = text.replace(/#.*$/gm, '').replace(/\s/g, '')
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) throw new Error(`${where}: not pairs of hex digits`)
  return Buffer.from(digits, 'hex')
}

function readIn(words: readonly string[], v: Vector, where: string): void {
  for (const word of words) {
    const [key = '', value = ''] = word.split('=')
    if (key === 'tcp' || key === 'udp') {
      v.l4 = key === 'tcp' ? 6 : 17
      v.whole ||= key === 'udp'
    } else if (key === 'start') v.start = true
    else if (key === 'mid') v.start = false
    else if (key === 'whole') v.whole = true
    else if (key === 'from' && (value === 'client' || value === 'server')) v.from = value
    else if ((key === 'sport' || key === 'dport' || key === 'total') && /^\d+$/.test(value)) v[key] = Number(value)
    else if (key === 'below' && value !== '') v.below = value
    else throw new Error(`${where}: unknown word ${word}`)
  }
}

function readOut(words: readonly string[], where: string): Vector['out'] {
  const [kind, grade, who, ...rest] = words
  if ((kind === 'no' || kind === 'more') && words.length === 1) return kind
  if (kind !== 'hit' || !/^(weak|fair|strong)$/.test(grade ?? '') || !/^(client|server|either)$/.test(who ?? ''))
    throw new Error(`${where}: out: no | more | hit weak|fair|strong client|server|either sig=N ...`)
  const hit: Hit = { grade: grade as Hit['grade'], who: who as Hit['who'], sig: 0 }
  for (const word of rest) {
    const [key = '', value = ''] = word.split('=')
    if (key === 'over') hit.over = value
    else if ((key === 'sig' || key === 'off' || key === 'skip') && /^\d+$/.test(value)) hit[key] = Number(value)
    else throw new Error(`${where}: unknown word ${word}`)
  }
  if (hit.sig === 0) throw new Error(`${where}: a hit names its signature: sig=N`)
  return hit
}

export function parseVectors(text: string, file: string, protocol: string): Vector[] {
  const vectors: Vector[] = []
  let title = ''
  let vector: Vector | undefined
  let fence: { kind: string; lines: string[]; line: number } | undefined
  let seen = new Set<string>()
  const finish = (): void => {
    if (vector && !(seen.has('bytes') && seen.has('out')))
      throw new Error(`${file}:${vector.line}: needs a block of bytes and an out: line`)
    vector = undefined
  }
  for (const [i, line] of text.split('\n').entries()) {
    const where = `${file}:${i + 1}`
    if (fence) {
      if (line.trim() !== '```') {
        fence.lines.push(line)
        continue
      }
      if (vector && !seen.has('bytes')) {
        vector.bytes = fence.kind === 'hex' ? unhex(fence.lines.join('\n'), where) : decodeText(fence.lines.join(''), where)
        seen.add('bytes')
      }
      fence = undefined
      continue
    }
    const [, kind] = /^```(\w*)\s*$/.exec(line) ?? []
    if (kind !== undefined) fence = { kind, lines: [], line: i }
    else if (/^##+ /.test(line)) {
      finish()
      title = line.replace(/^#+ /, '').trim()
    }
    const [, key, rest = ''] = /^(in|out|label|top):\s*(.*)$/.exec(line) ?? []
    if (key === 'in') {
      finish()
      seen = new Set()
      vector = {
        file,
        protocol,
        title,
        line: i + 1,
        l4: 6,
        start: true,
        whole: false,
        from: 'either',
        sport: 0,
        dport: 0,
        bytes: Buffer.alloc(0),
        out: 'no',
        labels: {},
      }
      vectors.push(vector)
      readIn(rest.split(/\s+/).filter(Boolean), vector, where)
    } else if (key !== undefined) {
      if (!vector) throw new Error(`${where}: ${key}: without an in: line before it`)
      if (key === 'out') {
        vector.out = readOut(rest.split(/\s+/).filter(Boolean), where)
        seen.add('out')
      } else if (key === 'top') vector.top = rest.trim()
      else {
        const cut = rest.indexOf('=')
        if (cut < 1) throw new Error(`${where}: label: key=value`)
        vector.labels[rest.slice(0, cut)] = decodeText(rest.slice(cut + 1), where).toString()
      }
    }
  }
  if (fence) throw new Error(`${file}:${fence.line + 1}: the block does not end`)
  finish()
  return vectors
}

export function readVectors(): Vector[] {
  const folder = new URL('../vectors/', import.meta.url)
  return readdirSync(folder)
    .filter((f) => f.endsWith('.md'))
    .sort()
    .flatMap((f) => parseVectors(readFileSync(new URL(f, folder), 'utf8'), f, f.replace(/\.md$/, '').replaceAll('_', '-')))
}
