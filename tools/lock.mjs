// SPDX-License-Identifier: Apache-2.0
// Completes package-lock.json after `npm install`: a registry mirror may lack the packages of other platforms, npm then leaves them
// out of the file, and `npm ci` refuses a file in which an optional dependency has no entry. usage: lock.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json')
const text = readFileSync(path, 'utf8')
const lock = JSON.parse(text)

/** Entry that `name` resolves to from the package at `from`: the nearest node_modules above it. */
function find(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const key = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (lock.packages[key] !== undefined) return key
    if (at === '') return undefined
  }
}

/** Platform in the name of a package: `cli-win32-arm64`, `linux-x64-musl`. Only such a package may be left out. */
function platform(name) {
  const words = name.split(/[-/]/)
  const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
  const os = words.find((word) => systems.includes(word))
  const musl = words.some((word) => word.startsWith('musl'))
  return { ...(os !== undefined && { os: [os] }), ...(musl && { libc: ['musl'] }) }
}

for (const [from, { optionalDependencies, dev }] of Object.entries(lock.packages))
  for (const [name, range] of Object.entries(optionalDependencies ?? {})) {
    if (find(from, name) !== undefined) continue
    const only = platform(name)
    if (only.os === undefined) throw new Error(`${name} of ${from} is not in the lock file and not of another platform`)
    lock.packages[`node_modules/${name}`] = { version: range.replace(/^[\^~]/, ''), ...(dev && { dev }), optional: true, ...only }
  }
for (const entry of Object.values(lock.packages)) delete entry.resolved

const sorted = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
const wanted = `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`
if (process.argv.includes('--check')) {
  if (JSON.stringify(JSON.parse(wanted).packages) !== JSON.stringify(JSON.parse(text).packages)) {
    console.error('package-lock.json is incomplete: run `make lock`')
    process.exit(1)
  }
} else if (wanted !== text) writeFileSync(path, wanted)
