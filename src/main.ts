// SPDX-License-Identifier: Apache-2.0
import { errorName } from './errors.js'
import { main } from './cli/program.js'

// `flowident flows | head` closes the pipe early: that is the reader's right, not a failure.
process.stdout.on('error', (error) => {
  if (errorName(error) !== 'EPIPE') throw error
  process.exit(0)
})
process.exitCode = await main(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, env: process.env })
