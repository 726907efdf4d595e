// SPDX-License-Identifier: Apache-2.0
// Writes docs/CONFIG.md from the configuration schema. usage: gen-config-docs.ts [--check]   --check: exit 1 when it is out of date
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configReference } from '../src/config/report.js'

const path = join(dirname(fileURLToPath(import.meta.url)), '..', 'docs', 'CONFIG.md')
const wanted = configReference()
let present = ''
try {
  present = readFileSync(path, 'utf8')
} catch {
  // Not there yet: out of date like any other difference.
}
if (present !== wanted) {
  if (process.argv.includes('--check')) {
    console.error('docs/CONFIG.md is out of date: run `make gen`')
    process.exit(1)
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, wanted)
}
