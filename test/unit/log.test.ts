// SPDX-License-Identifier: Apache-2.0
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createLogger, type LogFormat, writesToJournal } from '../../src/log.js'

function capture(options: { format?: LogFormat; isTTY?: boolean; env?: Record<string, string>; fd?: number }) {
  let text = ''
  const { isTTY = false, fd, ...rest } = options
  const sink = { write: (line: string) => (text += line), isTTY, ...(fd !== undefined && { fd }) }
  return { log: createLogger({ env: {}, ...rest, sink }), text: () => text }
}

describe('log', () => {
  it('writes JSON lines where nobody says otherwise', () => {
    const { log, text } = capture({})
    log.child({ area: 'ring' }).warn({ lost: 3 }, 'events lost')
    expect(JSON.parse(text())).toMatchObject({ level: 40, area: 'ring', lost: 3, msg: 'events lost' })
  })

  it('writes for a person at a terminal, in colour unless told not to', () => {
    const { log, text } = capture({ isTTY: true })
    log.info({ path: '/a b', n: 1 }, 'hello')
    expect(text()).toMatch(/\u001b\[32minfo \u001b\[0m hello\u001b\[90m path="\/a b" n=1\u001b\[0m\n$/)
    const plain = capture({ isTTY: true, env: { NO_COLOR: '1' } })
    plain.log.error({ err: new Error('why') }, 'failed')
    expect(plain.text()).toMatch(/^\d\d:\d\d:\d\d error failed error="why"\nError: why\n/)
  })

  it('writes severities where the journal listens', () => {
    const { log, text } = capture({ format: 'journal' })
    log.child({ area: 'api' }).error('gone')
    log.info('fine')
    log.debug('not written')
    expect(text()).toBe('<3>api: gone\n<6>fine\n')
  })

  it('takes the journal for its reader only when JOURNAL_STREAM names this very stream', () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowident-log-'))
    const fd = openSync(join(folder, 'stream'), 'w')
    try {
      const { dev, ino } = fstatSync(fd, { bigint: true })
      const sink = { write: () => true, fd }
      expect(writesToJournal(sink, { JOURNAL_STREAM: `${dev}:${ino}` })).toBe(true)
      expect(writesToJournal(sink, { JOURNAL_STREAM: `${dev}:${ino + 1n}` })).toBe(false)
      expect(writesToJournal(sink, {})).toBe(false)
      const { log, text } = capture({ fd, isTTY: true, env: { JOURNAL_STREAM: `${dev}:${ino}` } })
      log.info('x')
      expect(text()).toBe('<6>x\n')
    } finally {
      closeSync(fd)
      rmSync(folder, { recursive: true })
    }
  })

  it('keeps one record on one line, whatever is in it', () => {
    for (const format of ['journal', 'pretty'] as const) {
      const { log, text } = capture({ format })
      log.info({ sni: 'a\u001b[2J\nb' }, 'seen\n<0>forged\u0085')
      expect(text().trimEnd()).not.toMatch(/[\u0000-\u001f\u0085]/)
    }
  })
})
