// SPDX-License-Identifier: Apache-2.0
// A document whose commands are run: files that it shows ("This is `name`:" and a block) and console blocks with their output.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { main } from '../../src/cli/program.js'
import type { TempDir } from './temp.js'

export interface Shown {
  readonly line: string
  readonly output: string
}

export interface Doc {
  readonly files: ReadonlyMap<string, string>
  readonly commands: readonly Shown[]
}

/** `name` within docs/. */
export function readDoc(name: string): Doc {
  const text = readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')
  const files = [...text.matchAll(/This is `([^`]+)`[^\n]*:\n\n```\w*\n([\s\S]*?)```/g)]
  const blocks = [...text.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')
  return {
    files: new Map(files.map(([, file, body]) => [file ?? '', body ?? ''])),
    commands: blocks.flatMap((block) =>
      block
        .split(/^\$ /m)
        .slice(1)
        .map((each) => {
          const [line = '', output = ''] = each.split(/\n([\s\S]*)/)
          return { line, output }
        }),
    ),
  }
}

/** What the command prints, on both streams, in order; files of the document are those in `dir`. `more`: arguments behind. */
export async function runShown(
  { files }: Doc,
  dir: TempDir,
  line: string,
  more: readonly string[] = [],
): Promise<{ code: number; out: string }> {
  for (const [name, body] of files) dir.file(name, body)
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
  let out = ''
  const terminal = { write: (text: string) => (out += text) }
  const kept = new Map<string, string>()
  /** Where `sign file` sends a stream. */
  const stream = (sign: string) => {
    const at = words.indexOf(sign)
    const [, name] = at < 0 ? [] : words.splice(at, 2)
    if (name === undefined) return terminal
    kept.set(name, '')
    return { write: (text: string) => kept.set(name, (kept.get(name) ?? '') + text) }
  }
  const [stdout, stderr] = [stream('>'), stream('2>')]
  const argv = words.slice(1).map((word) => (/\.(yaml|json)$/.test(word) ? dir.file(word) : word))
  const code = await main([...argv, ...more], { stdout, stderr, env: {} })
  for (const [name, body] of kept) dir.file(name, body)
  return { code, out: out.replaceAll(`${dir.path}/`, '') }
}
