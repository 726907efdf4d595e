// SPDX-License-Identifier: Apache-2.0
// One addon for every Node that is supported: the file that was built here is loaded by each. npm brings the other versions; where
// it cannot, that version is skipped.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const addon = join(root, 'build/Release/flowident.node')

/** Runs a script with a version of Node, away from our own package.json. */
const withNode = (major: number, ...argv: string[]) =>
  spawnSync('npx', ['--yes', `node@${major}`, ...argv], { cwd: tmpdir(), encoding: 'utf8', timeout: 50_000 })

describe.skipIf(!existsSync(addon))('the addon', () => {
  it.for([20, 22, 24])('is loaded by Node %i', (major, { skip }) => {
    const probe = withNode(major, '--version')
    if (probe.status !== 0) skip(`npm could not bring Node ${major}: ${probe.stderr.trim().split('\n').at(-1)}`)
    expect(probe.stdout).toMatch(new RegExp(`^v${major}\\.`))
    const load = 'process.stdout.write(JSON.stringify(require(process.argv[1]).version()))'
    const { stdout, stderr, status } = withNode(major, '-e', load, addon)
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ libbpf: expect.stringMatching(/\d/) })
  })
})
