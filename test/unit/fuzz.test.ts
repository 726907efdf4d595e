// SPDX-License-Identifier: Apache-2.0
// A short run of the fuzz targets: they build, their promises hold on the seeds, and in a few seconds no memory error
// is found.
// `make fuzz` runs them for longer.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const runtime = '/usr/lib/llvm-19/lib/clang/19/lib/linux'
const reason = existsSync(runtime) ? undefined : `no sanitizer runtime in ${runtime}: apt-get install libclang-rt-19-dev`

describe.skipIf(reason !== undefined)(`fuzzing${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it('ten seconds find nothing', { timeout: 600_000 }, () => {
    const run = spawnSync('test/fuzz/run.sh', { cwd: root, encoding: 'utf8', env: { ...process.env, SECONDS: '10', QUICK: '1' } })
    expect(run.status, `${run.stdout}${run.stderr}`).toBe(0)
    for (const target of ['packets', 'stream', 'signatures', 'labels', 'capture'])
      expect(run.stdout).toMatch(new RegExp(`fuzz: ${target}: [1-9][0-9]* inputs`))
  })
})
