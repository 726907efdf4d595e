// SPDX-License-Identifier: Apache-2.0
// The Debian package that a program is from. Read when somebody asks, and remembered: the lists are some megabytes.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Package {
  readonly name: string
  readonly version: string
}

const REMEMBERED = 512
const FRESH_MS = 600_000

/** With a merged /usr a file may be listed under either name. */
const names = (path: string): string[] => [path, path.startsWith('/usr/') ? path.slice(4) : `/usr${path}`]

/** Version of a package in the text of dpkg's status file. */
export function versionIn(status: string, name: string): string | undefined {
  for (const paragraph of status.split('\n\n'))
    if (paragraph.startsWith(`Package: ${name}\n`) && /^Status: .* installed$/m.test(paragraph))
      return /^Version: (.+)$/m.exec(paragraph)?.[1]
  return undefined
}

export class Packages {
  readonly #folder: string
  readonly #now: () => number
  readonly #known = new Map<string, { readonly found: Promise<Package | undefined>; readonly until: number }>()

  /** `folder`: dpkg's database. */
  constructor(folder = '/var/lib/dpkg', now: () => number = () => performance.now()) {
    this.#folder = folder
    this.#now = now
  }

  /** undefined: of no package, or this is no Debian. */
  of(path: string): Promise<Package | undefined> {
    const known = this.#known.get(path)
    if (known && known.until > this.#now()) return known.found
    const found = this.#find(path).catch(() => undefined)
    this.#known.delete(path)
    this.#known.set(path, { found, until: this.#now() + FRESH_MS })
    const oldest = this.#known.size > REMEMBERED ? this.#known.keys().next().value : undefined
    if (oldest !== undefined) this.#known.delete(oldest)
    return found
  }

  async #find(path: string): Promise<Package | undefined> {
    const wanted = names(path).map((name) => `\n${name}\n`)
    const info = join(this.#folder, 'info')
    for (const file of await readdir(info)) {
      if (!file.endsWith('.list')) continue
      const list = `\n${await readFile(join(info, file), 'utf8')}`
      if (!wanted.some((line) => list.includes(line))) continue
      const name = file.slice(0, -'.list'.length).replace(/:.*$/, '')
      const version = versionIn(await readFile(join(this.#folder, 'status'), 'utf8'), name)
      return version === undefined ? undefined : { name, version }
    }
    return undefined
  }
}
