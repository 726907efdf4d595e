// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Data goes from left to right; a file imports from its own column or one to its left. */
const order = ['kernel', 'flows', 'owners', 'services', 'rules', 'metrics', 'api', 'daemon', 'cli', 'main'] as const
/** May be imported from everywhere, and import nothing but each other. */
const base = ['gen', 'errors', 'log', 'config']
/** Beside the chain: the user-space half of a protocol, and the replay of captures; they see flows and the kernel port. */
const beside: Readonly<Record<string, readonly string[]>> = {
  deep: ['kernel', 'flows'],
  replay: ['kernel', 'flows', 'deep', 'packs'],
  packs: ['kernel', 'flows'],
}
/** Who may use what is beside the chain. */
const usesBeside: Readonly<Record<string, readonly string[]>> = {
  deep: ['daemon', 'replay', 'cli', 'services', 'flows'],
  replay: ['cli'],
  packs: ['cli', 'replay', 'api', 'daemon'],
}

/** `src/flows/table.ts` → flows; `src/errors.ts` → errors. */
const areaOf = (path: string): string =>
  path
    .replace(/^src\//, '')
    .split('/')[0]
    ?.replace(/\.ts$/, '') ?? ''

function allowed(from: string, to: string): boolean {
  if (from === to || base.includes(to)) return true
  if (base.includes(from)) return false
  if (beside[from] !== undefined) return beside[from].includes(to)
  if (beside[to] !== undefined) return usesBeside[to]?.includes(from) ?? false
  const [left, right] = [order.indexOf(to as never), order.indexOf(from as never)]
  return left >= 0 && right >= 0 && left < right
}

interface Import {
  readonly file: string
  readonly target: string
}

function imports(): Import[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.flatMap((name) => {
    const text = readFileSync(join(root, 'src', name), 'utf8')
    const found = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)]
    return found.map(([, path]) => ({ file: `src/${name}`, target: normalize(join('src', dirname(name), path ?? '')) }))
  })
}

describe('imports', () => {
  const all = imports()

  it('are found', () => {
    expect(all.length).toBeGreaterThan(50)
    expect(all).toContainEqual({ file: 'src/main.ts', target: 'src/cli/program.js' })
  })

  it('go one way', () => {
    const wrong = all
      .filter(({ target }) => target.startsWith('src/'))
      .filter(({ file, target }) => !allowed(areaOf(file), areaOf(target.replace(/\.js$/, '.ts'))))
    expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
  })

  it('reach the addon only through the kernel port', () => {
    const outside = all.filter(({ target }) => !target.startsWith('src/'))
    expect(outside.filter(({ file }) => !file.startsWith('src/kernel/')).map(({ file, target }) => `${file} imports ${target}`)).toEqual([])
  })

  it('name files with their suffix', () => {
    expect(all.filter(({ target }) => !/\.js$/.test(target))).toEqual([])
  })

  it('would be refused the other way round', () => {
    expect(allowed('flows', 'owners')).toBe(false)
    expect(allowed('errors', 'flows')).toBe(false)
    expect(allowed('metrics', 'api')).toBe(false)
    expect(allowed('api', 'services')).toBe(true)
    expect(allowed('flows', 'unheard-of')).toBe(false)
  })
})

describe('files', () => {
  const lengths = (folder: string, suffix: RegExp) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => suffix.test(name) && !name.startsWith('gen/'))
      .map((name) => [`${folder}/${name}`, readFileSync(join(root, folder, name), 'utf8')] as const)

  // A file that needs more says why at its top, with the word "lines".
  const tooLong = (files: readonly (readonly [string, string])[], most: number) =>
    files.filter(([, text]) => text.split('\n').length - 1 > most && !/\blines\b/.test(text.slice(0, 800))).map(([name]) => name)

  it('stay short: 250 lines of TypeScript, 300 of C and C++', () => {
    expect(tooLong(lengths('src', /\.ts$/), 250)).toEqual([])
    expect(tooLong([...lengths('bpf', /\.[ch]$/), ...lengths('native', /\.(c|cc|h)$/)], 300)).toEqual([])
  })

  it('have names in kebab case', () => {
    const names = lengths('src', /\.ts$/).map(([name]) => name)
    expect(names.filter((name) => !/^[a-z0-9/-]+(\.d)?\.ts$/.test(name))).toEqual([])
  })

  it('export by name', () => {
    expect(lengths('src', /\.ts$/).flatMap(([name, text]) => (/^export default/m.test(text) ? [name] : []))).toEqual([])
  })
})
