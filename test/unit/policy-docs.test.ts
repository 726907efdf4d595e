// SPDX-License-Identifier: Apache-2.0
// The files and commands of documents about rules: their output is what the document says.
import { afterAll, describe, expect, it } from 'vitest'
import { readDoc, runShown } from '../lib/doc.js'
import { TempDir } from '../lib/temp.js'

describe.each(['NETWORK-POLICY.md'])('docs/%s', (name) => {
  const doc = readDoc(name)
  const dir = new TempDir('doc')
  afterAll(() => dir[Symbol.dispose]())

  it('shows commands', () => expect(doc.commands.length).toBeGreaterThan(2))
  it.each(doc.commands)('$line', async ({ line, output }) => {
    const { code, out } = await runShown(doc, dir, line)
    expect(out).toBe(output)
    expect(code).toBe(0)
  })
})
