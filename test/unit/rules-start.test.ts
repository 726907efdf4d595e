// SPDX-License-Identifier: Apache-2.0
// The rules of the folder at the start of the daemon, when some of them would lock out who administers the host.
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/log.js'
import { RuleControl } from '../../src/rules/control.js'
import { guard } from '../../src/rules/guard.js'
import { describedPacket } from '../../src/rules/describe.js'
import type { Saved } from '../../src/rules/saved.js'
import { TempDir } from '../lib/temp.js'
import { RecordedKernel } from './support/kernel.js'

const RULES = `rules:
  - { name: no-telnet, action: drop, match: { destination: { ports: [23] } } }
  - { name: closed, action: drop, match: { destination: { ports: [20-30] } } }
  - { name: tcp, action: drop, match: { transport: tcp } }
  - { name: no-dns, action: drop, match: { transport: udp, destination: { ports: [53] } } }
`
const session = { what: 'the SSH session from 192.0.2.7:50022', packets: [describedPacket(['tcp 192.0.2.7:50022 > 10.0.0.1:22 in eth0'])] }

describe('rules of the folder that would lock out', () => {
  let dir: TempDir
  let folder: string
  let saved: Saved | undefined
  let logged: string
  let kernel: RecordedKernel
  beforeEach(() => {
    dir = new TempDir('rules-start')
    folder = dir.dir('rules.d')
    writeFileSync(`${folder}/a.yaml`, RULES)
    saved = undefined
    kernel = new RecordedKernel()
  })
  afterEach(() => dir[Symbol.dispose]())

  async function start(left: 'nothing' | 'tables' | 'text', lifelines = [session], override: string[] = []): Promise<RuleControl> {
    logged = ''
    const write = (text: string): boolean => {
      logged += text
      return true
    }
    const store = {
      read: () => saved,
      write: (now: Saved) => {
        saved = JSON.parse(JSON.stringify(now)) as Saved
      },
    }
    const log = createLogger({ level: 'info', format: 'json', sink: { write } })
    const control = new RuleControl(
      kernel,
      () => [],
      log,
      store,
      async (rules) => guard(rules, lifelines, override),
    )
    await control.start(folder, left)
    return control
  }
  const names = (control: RuleControl) => control.rules.map(({ name }) => name)

  it('are left out, one behind the other, and the others come into force', async () => {
    const control = await start('nothing')
    expect(names(control)).toEqual(['no-telnet', 'no-dns'])
    expect(logged).toContain('2 of 4 rules are left out: they would lock out who administers this host')
    expect(logged).toContain('a.yaml:3: closed would cut off the SSH session from 192.0.2.7:50022')
    const { warnings, inForce } = await control.state()
    expect(inForce).toBe(true)
    expect(warnings.map((each) => each.replace(folder, ''))).toEqual([
      'not in force: /a.yaml:3: closed would cut off the SSH session from 192.0.2.7:50022',
      'not in force: /a.yaml:4: tcp would cut off the SSH session from 192.0.2.7:50022',
    ])
  })

  it('may be named as those that do so', async () => {
    expect(names(await start('nothing', [session], ['tcp']))).toEqual(['no-telnet', 'tcp', 'no-dns'])
    expect(logged).toContain('1 of 4 rules are left out')
  })

  it('stay left out of tables that outlive the daemon, and come into force at a start when nobody is locked out any more', async () => {
    const first = await start('nothing')
    const second = await start('tables')
    expect([names(second), second.etag, kernel.installed.length]).toEqual([names(first), first.etag, 1])
    const third = await start('tables', [])
    expect([names(third), kernel.installed.length]).toEqual([['no-telnet', 'closed', 'tcp', 'no-dns'], 2])
    expect(third.etag).not.toBe(first.etag)
    expect((await third.state()).warnings.some((each) => each.startsWith('not in force'))).toBe(false)
    expect(names(await start('text'))).toEqual(['no-telnet', 'closed', 'tcp', 'no-dns'])
  })

  it('are all that there is: then nothing is in force', async () => {
    writeFileSync(`${folder}/a.yaml`, 'rules: [{ name: all, action: drop, match: {} }]')
    const control = await start('nothing')
    expect([names(control), kernel.installed.length]).toEqual([[], 0])
    expect((await control.state()).warnings).toHaveLength(1)
  })

  it('what is applied while the daemon runs is refused as a whole', async () => {
    const control = await start('nothing')
    await expect(control.replace([{ name: 'b.yaml', text: RULES }])).rejects.toMatchObject({ code: 'rules-lock-out' })
    expect(names(control)).toEqual(['no-telnet', 'no-dns'])
  })
})
