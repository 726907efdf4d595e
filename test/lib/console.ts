// SPDX-License-Identifier: Apache-2.0
// The command line inside the test's own process: what it printed and how it ended.
import { main } from '../../src/cli/program.js'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ConsoleOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A terminal of so many columns; no terminal when left out. */
  readonly columns?: number
}

export async function flowident(argv: readonly string[], { env = {}, columns }: ConsoleOptions = {}): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  const terminal = columns === undefined ? {} : { isTTY: true, columns, rows: 24 }
  const code = await main(argv, {
    stdout: { write: (text) => (stdout += text), ...terminal },
    stderr: { write: (text) => (stderr += text), ...terminal },
    env,
  })
  return { code, stdout, stderr }
}

/** The objects of JSON lines. */
export const lines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
