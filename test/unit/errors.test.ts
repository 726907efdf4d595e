// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorTable, exitCodes, FlowidentError } from '../../src/errors.js'
import { addonPaths, fromNative, loadAddon, packageRoot } from '../../src/kernel/native-kernel.js'

const root = join(import.meta.dirname, '../..')
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.startsWith('gen/'),
)
const text = new Map(sources.map((name) => [name, readFileSync(join(root, 'src', name), 'utf8')]))

describe('the table of codes', () => {
  it('has an exit code and a status that exist', () => {
    for (const [code, { exit, status, title }] of Object.entries(errorTable)) {
      expect(Object.values(exitCodes), code).toContain(exit)
      expect(status, code).toBeGreaterThanOrEqual(400)
      expect(status, code).toBeLessThan(600)
      expect(title, code).toMatch(/^[A-Z].*[^.]$/)
    }
  })

  it('has no code that nothing raises', () => {
    const all = [...text].filter(([name]) => name !== 'errors.ts').map(([, content]) => content)
    const dead = Object.keys(errorTable).filter((code) => code !== 'internal' && !all.some((content) => content.includes(`'${code}'`)))
    expect(dead).toEqual([])
  })

  it('knows every error class of src/', () => {
    for (const [name, content] of text)
      if (name !== 'errors.ts') expect(content, name).not.toMatch(/class \w+ extends (Error|TypeError|RangeError)\b/)
  })
})

describe('FlowidentError', () => {
  it('keeps what it was made of', () => {
    const cause = new Error('inner')
    const error = new FlowidentError('no-match', 'nothing', { cause, hint: 'look again', details: ['a'] })
    expect(error).toMatchObject({
      name: 'FlowidentError',
      code: 'no-match',
      exitCode: 3,
      status: 404,
      hint: 'look again',
      details: ['a'],
      cause,
    })
    expect(FlowidentError.from(error)).toBe(error)
    expect('cause' in new FlowidentError('usage', 'x')).toBe(false)
  })

  it('takes anything that is thrown', () => {
    expect(FlowidentError.from(new TypeError('x'))).toMatchObject({ code: 'internal', message: 'x' })
    for (const thrown of ['text', 1, null, undefined])
      expect(FlowidentError.from(thrown)).toMatchObject({ code: 'internal', message: String(thrown) })
  })
})

describe('the addon', () => {
  it('is looked for in three places', () => {
    expect(addonPaths('/r', {}, 'arm64')).toEqual(['/r/prebuilds/linux-arm64/flowident.node', '/r/build/Release/flowident.node'])
    expect(addonPaths('/r', { FLOWIDENT_ADDON: '/x.node' })).toEqual(['/x.node'])
    expect(packageRoot()).toBe(root)
    expect(() => packageRoot('/absent/file.js')).toThrow(/no package.json/)
  })

  it('is missed in one error that lists them all', () => {
    const fail = (env: Record<string, string>) => {
      try {
        loadAddon(env, '/absent')
      } catch (error) {
        return error as FlowidentError
      }
      throw new Error('loaded what is not there')
    }
    expect(fail({})).toMatchObject({
      code: 'addon-missing',
      details: [expect.stringContaining('/absent/prebuilds/'), '/absent/build/Release/flowident.node: no such file'],
      hint: expect.stringContaining('make build'),
    })
    expect(fail({ FLOWIDENT_ADDON: join(root, 'package.json') }).details).toHaveLength(1)
  })

  it('has errors that become ours', () => {
    const native = (members: object) => Object.assign(new Error('Invalid argument'), members)
    const refused = fromNative(native({ code: 'EPERM', op: 'load', object: 'fi_xdp' }))
    expect(refused).toMatchObject({ code: 'not-permitted', exitCode: 77, message: 'load fi_xdp: Invalid argument' })
    const verifier = fromNative(
      native({ code: 'EINVAL', op: 'load', object: 'fi_xdp', verifierLog: `${'line\n'.repeat(20)}R1 unbounded\n` }),
    )
    expect(verifier.code).toBe('kernel-failed')
    const access = (verifierLog: string) => fromNative(native({ code: 'EACCES', op: 'load', verifierLog })).code
    expect(access('combined stack size of 4 calls is 528. Too large')).toBe('kernel-failed')
    expect(access('R1 pointer comparison prohibited for !root')).toBe('not-permitted')
    expect(verifier.details).toHaveLength(8)
    expect(verifier.details.at(-1)).toBe('R1 unbounded')
  })
})
