// SPDX-License-Identifier: Apache-2.0
// Runs vitest and closes with one line, `N passed, N failed, N skipped`, taken from vitest's own JSON report.
// usage: test.mjs [vitest options or files]; exit code 1 when a test or a file failed, or when no test ran.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const report = join(root, 'build/test-report.json')
mkdirSync(dirname(report), { recursive: true })
rmSync(report, { force: true })

const run = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)

let results
try {
  results = JSON.parse(readFileSync(report, 'utf8'))
} catch (error) {
  console.error(`vitest wrote no report (exit ${run.status ?? run.signal}): ${error.message}`)
  process.exit(1)
}

const count = { passed: 0, failed: 0, skipped: 0 }
const skipped = []
for (const file of results.testResults) {
  const name = relative(root, file.name)
  for (const test of file.assertionResults) {
    if (test.status === 'passed') count.passed++
    else if (test.status === 'failed') count.failed++
    else {
      count.skipped++
      skipped.push(`${name}: ${test.fullName}`)
    }
  }
  // A file that failed before its first test (a bad import, a failing hook) has no failed test of its own.
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
    count.failed++
    console.error(`failed as a whole: ${name}: ${file.message ?? ''}`)
  }
}
if (skipped.length > 0) console.log(`skipped:\n${skipped.map((line) => `  ${line}`).join('\n')}`)
// Errors outside of any test (an unhandled rejection) make vitest fail although each test passed.
if (run.status !== 0 && count.failed === 0) count.failed++
if (count.passed + count.failed === 0) console.error('no test ran')
console.log(`${count.passed} passed, ${count.failed} failed${count.skipped ? `, ${count.skipped} skipped` : ''}`)
process.exit(count.failed > 0 || count.passed === 0 ? 1 : 0)
