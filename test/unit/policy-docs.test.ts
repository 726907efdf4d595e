// SPDX-License-Identifier: Apache-2.0
// The files and commands of documents about rules: their output is what the document says. Those that ask a daemon get one with the
// flows of test/lib/preview-flows.ts.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readDoc, runShown } from '../lib/doc.js'
import { previewFlows } from '../lib/preview-flows.js'
import { RecordedDaemon } from '../lib/recorded-daemon.js'
import { TempDir } from '../lib/temp.js'

/** `asks`: which of the document's commands are run here, and which of these need the daemon. */
const docs = [
  { name: 'NETWORK-POLICY.md', ours: /./, asks: /^$/ },
  { name: 'RULES.md', ours: /rules preview|learn|contracts|wrong/, asks: /rules (preview|apply|contracts)|learn/ },
]

describe.each(docs)('docs/$name', ({ name, ours, asks }) => {
  const doc = readDoc(name)
  const dir = new TempDir('doc')
  const commands = doc.commands.filter(({ line }) => ours.test(line))
  let daemon: RecordedDaemon | undefined
  beforeAll(async () => {
    if (commands.some(({ line }) => asks.test(line))) daemon = await RecordedDaemon.start(previewFlows())
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    dir[Symbol.dispose]()
  })

  it('shows commands', () => expect(commands.length).toBeGreaterThan(0))
  it.each(commands)('$line', async ({ line, output }) => {
    const { code, out } = await runShown(doc, dir, line, asks.test(line) && daemon ? ['--url', daemon.url] : [])
    expect(out).toBe(output)
    expect(code).toBe(/wrong/.test(line) ? 1 : 0)
  })
})
