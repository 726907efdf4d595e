// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load.js'
import { asYaml, configReference, settingsInForce } from '../../src/config/report.js'
import { defaults, environmentName, flagName, isPlain, settings } from '../../src/config/schema.js'
import { parseYaml } from '../../src/config/source.js'
import { FlowidentError } from '../../src/errors.js'

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flowident-config-'))
  for (const folder of ['vendor', 'additions']) mkdirSync(join(root, folder))
})
afterEach(() => rmSync(root, { recursive: true }))

const places = () => ({ vendor: join(root, 'vendor'), file: join(root, 'flowident.yaml'), additions: join(root, 'additions') })
const write = (name: string, text: string | Buffer) => writeFileSync(join(root, name), text)
const load = (env: Record<string, string> = {}, flags: Record<string, string> = {}, file?: string) =>
  loadConfig({ places: places(), env, flags, file })

/** The mistakes, with the temporary folder left out. */
function mistakes(...given: Parameters<typeof load>): readonly string[] {
  try {
    load(...given)
  } catch (error) {
    if (!(error instanceof FlowidentError)) throw error
    expect(['config-invalid', 'config-unreadable']).toContain(error.code)
    return (error.details.length > 0 ? error.details : [error.message]).map((line) => line.replaceAll(`${root}/`, ''))
  }
  return []
}

describe('sources', () => {
  it('has defaults for everything, which pass their own check', () => {
    const { config, files, origins } = load()
    expect(config).toEqual(defaults())
    expect(files).toEqual([])
    expect(new Set(origins.values())).toEqual(new Set(['default']))
    write('flowident.yaml', asYaml(load()))
    expect(load().config).toEqual(defaults())
  })

  it('lets later sources win and knows the origin of each value', () => {
    write('vendor/10-base.yaml', 'wire:\n  mode: generic\n  egress: off\nflows: {history: 1, idle_seconds: {udp: 10}}\n')
    write('flowident.yaml', 'wire:\n  egress: tcx\nlog:\n  level: debug\n')
    write('additions/a.yaml', 'log: {level: warn}\n')
    write('additions/b.yaml', '# only a comment\n')
    write('additions/ignored.txt', 'log: {level: silent}\n')
    const { config, origins, files } = load({ FLOWIDENT_FLOWS_HISTORY: '7', FLOWIDENT_DEEP_QUIC: 'no' }, { 'flows.history': '9' })
    expect(config.wire).toEqual({ interfaces: ['auto'], mode: 'generic', egress: 'tcx' })
    expect(config.log.level).toBe('warn')
    expect(config.flows).toEqual({ history: 9, idle_seconds: { tcp: 3600, udp: 10, other: 60 } })
    expect(config.deep.quic).toBe(false)
    expect(origins.get('wire.mode')).toBe(join(root, 'vendor/10-base.yaml:2'))
    expect(origins.get('wire.egress')).toBe(join(root, 'flowident.yaml:2'))
    expect(origins.get('flows.history')).toBe('--flows-history')
    expect(origins.get('deep.quic')).toBe('FLOWIDENT_DEEP_QUIC')
    expect(origins.get('metrics.labels')).toBe('default')
    expect(files.map((file) => file.slice(root.length + 1))).toEqual([
      'vendor/10-base.yaml',
      'flowident.yaml',
      'additions/a.yaml',
      'additions/b.yaml',
    ])
  })

  it('replaces lists, but puts the rules of a later file first', () => {
    write('vendor/a.yaml', 'listen: ["127.0.0.1:1"]\nservices:\n  rules:\n    - match: {unit: a}\n      name: one\n')
    write('flowident.yaml', 'listen: 127.0.0.1:2\nservices:\n  rules:\n    - match: {unit: a}\n      name: two\n')
    const { config, origins } = load()
    expect(config.listen).toEqual(['127.0.0.1:2'])
    expect(config.services.rules.map(({ name }) => name)).toEqual(['two', 'one'])
    expect(origins.get('services.rules')).toContain('flowident.yaml:3')
    expect(origins.get('services.rules')).toContain('vendor/a.yaml:3')
  })

  it('reads a file that is named, which must be there', () => {
    write('other.yaml', 'flows: {history: 5}\n')
    write('flowident.yaml', 'flows: {history: 6}\n')
    expect(load({}, {}, join(root, 'other.yaml')).config.flows.history).toBe(5)
    expect(load({ FLOWIDENT_CONFIG: join(root, 'other.yaml') }).config.flows.history).toBe(5)
    expect(mistakes({}, {}, join(root, 'absent.yaml'))[0]).toMatch(/^absent\.yaml: ENOENT/)
  })

  it('splits lists in variables at commas', () => {
    expect(load({ FLOWIDENT_WIRE_INTERFACES: 'eth*, br0,' }).config.wire.interfaces).toEqual(['eth*', 'br0'])
  })

  it('only warns of unknown variables', () => {
    expect(load({ FLOWIDENT_WIRE_MOD: 'x', FLOWIDENT_SERVICE_HOST: '10.0.0.1', FLOWIDENT_URL: 'x', OTHER: 'x' }).warnings).toEqual([
      'FLOWIDENT_WIRE_MOD: no such setting; did you mean FLOWIDENT_WIRE_MODE?',
      expect.stringMatching(/^FLOWIDENT_SERVICE_HOST: no such setting/),
    ])
  })
})

describe('mistakes', () => {
  it('are told all at once, with file, line, column and the nearest valid name', () => {
    write(
      'flowident.yaml',
      [
        'wire:',
        '  interface: [eth0]',
        '  mode: nativ',
        'listen: nowhere',
        'limts: 3',
        'limits: {ring_bytes: 100000, flows: 12}',
        'history: 3',
        'services:',
        '  rules:',
        '    - match: {unit: a}',
        '      version: 1.10',
        '    - match: {}',
        '      name: x',
        '    - name: y',
      ].join('\n'),
    )
    write('additions/a.yaml', 'log: {level: verbose}\nsocket: on\n')
    expect(mistakes({ FLOWIDENT_SOCKET_ENABLED: 'maybe' }, { 'wire.mode': 'x' })).toEqual([
      'flowident.yaml:2:3: unknown setting "wire.interface"; did you mean "interfaces"?',
      'flowident.yaml:3:9: wire.mode: expected one of auto, native, generic, off, found "nativ"; did you mean "native"?',
      'flowident.yaml:4:9: listen[0]: expected unix:/path, host:port, [v6 address]:port or fd:NAME, found "nowhere"',
      'flowident.yaml:5:1: unknown setting "limts"; did you mean "limits"?',
      'flowident.yaml:6:22: limits.ring_bytes: expected a power of two from 65536 to 1073741824, found 100000',
      'flowident.yaml:6:37: limits.flows: expected a whole number from 1024 to 16777216, found 12',
      'flowident.yaml:7:1: unknown setting "history"; did you mean "flows.history"?',
      expect.stringMatching(/^flowident\.yaml:11:16: services\.rules\[0\]\.version: expected a name .*, found 1\.1; put it in quotes$/),
      expect.stringMatching(/^flowident\.yaml:12:14: services\.rules\[1\]\.match: needs at least one of unit, container/),
      expect.stringMatching(/^flowident\.yaml:14:7: services\.rules\[2\]: /),
      'additions/a.yaml:1:14: log.level: expected one of trace, debug, info, warn, error, fatal, silent, found "verbose"',
      'additions/a.yaml:2:9: socket: expected a section with enabled, found "on"',
      'FLOWIDENT_SOCKET_ENABLED: socket.enabled: expected true or false, found "maybe"',
      '--wire-mode: wire.mode: expected one of auto, native, generic, off, found "x"',
    ])
  })

  it.each([
    ['a key that is there twice', 'log: {}\nlog: {}\n', /^flowident\.yaml:2:1: the key "log" is there twice; keep one$/],
    ['broken syntax', 'log: {level: info\n', /^flowident\.yaml:2:1: .*flow map/i],
    ['two documents', 'log: {}\n---\nlog: {}\n', /^flowident\.yaml:2:1: /],
    ['an unknown tag', 'log: !!js/function x\n', /^flowident\.yaml:1:6: /],
    ['a list as the whole', '- log\n', /^flowident\.yaml:1:1: the file: expected a section with listen, wire.*found a list$/],
    ['a word as the whole', 'log\n', /found "log"$/],
    ['a prototype as a key', '__proto__: {x: 1}\n', /unknown setting "__proto__"/],
    ['a constructor as a key', 'wire: {constructor: 1}\n', /unknown setting "wire.constructor"/],
    ['nothing where a value belongs', 'log:\n  level:\n', /^flowident\.yaml:2:9: log\.level: expected one of .* found nothing$/],
    ['one word for a list of rules', 'services: {rules: x}\n', /services\.rules: expected a list of rules/],
    ['the same entry twice', 'wire: {interfaces: [a, a]}\n', /wire\.interfaces: "a" is there twice$/],
    ['auto among names', 'wire: {interfaces: [eth0, auto]}\n', /^flowident\.yaml:1:20: wire\.interfaces: "auto" stands alone/],
    ['nothing to watch', 'wire: {interfaces: none}\nsocket: {enabled: false}\n', /^flowident\.yaml:2:19: socket\.enabled: neither/],
    ['the same socket in two spellings', 'listen: [unix:/a, /a]\n', /listen: "\/a" is there twice$/],
  ])('%s', (_name, text, expected) => {
    write('flowident.yaml', text)
    const found = mistakes()
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(expected)
  })

  it('takes a section with nothing in it', () => {
    write('flowident.yaml', 'wire:\nlog: {}\n')
    expect(mistakes()).toEqual([])
  })

  it('follows an alias to the place of the mistake', () => {
    write('flowident.yaml', 'services:\n  rules:\n    - match: &m {unt: a}\n      name: a\n    - match: *m\n      name: b\n')
    expect(mistakes()).toEqual([
      'flowident.yaml:3:18: unknown setting "services.rules[0].match.unt"; did you mean "unit"?',
      'flowident.yaml:3:18: unknown setting "services.rules[1].match.unt"; did you mean "unit"?',
    ])
  })

  it('is not blown up by aliases', () => {
    const bomb = ['a0: &a0 [x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)]
    write('flowident.yaml', bomb.join('\n'))
    const started = performance.now()
    expect(mistakes()[0]).toMatch(/^flowident\.yaml:1:1: .*alias/i)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('is not blown up by nesting, size, devices or binary bytes', () => {
    write('flowident.yaml', '['.repeat(100_000))
    expect(mistakes().length).toBeGreaterThan(0)
    write('flowident.yaml', `# ${'x'.repeat(1_100_000)}`)
    expect(mistakes()).toEqual(['flowident.yaml: larger than 1048576 bytes'])
    write('flowident.yaml', Buffer.from([0x6c, 0xff, 0xfe]))
    expect(mistakes()).toEqual(['flowident.yaml: not UTF-8 text'])
    symlinkSync('/dev/zero', join(root, 'zero.yaml'))
    expect(mistakes({}, {}, join(root, 'zero.yaml'))).toEqual(['zero.yaml: not a regular file'])
    expect(mistakes({}, {}, root)).toEqual([expect.stringMatching(/not a regular file$/)])
  })

  it('says how many more there are when there are very many', () => {
    write('flowident.yaml', Array.from({ length: 80 }, (_, i) => `zzz${i}: 1`).join('\n'))
    const found = mistakes()
    expect(found).toHaveLength(51)
    expect(found.at(-1)).toBe('and 30 more')
  })

  it('never throws anything but our own error, whatever the text is', () => {
    const word = fc.constantFrom(
      'wire',
      'mode',
      'listen',
      'rules',
      'services',
      'match',
      'auto',
      '&a',
      '*a',
      '!!x',
      '- ',
      ': ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      '"',
      '|',
      '#',
      '? ',
      '---',
      '\t',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 5 })), { maxLength: 30 }), (parts) => {
        write('flowident.yaml', parts.join(''))
        mistakes()
      }),
      { numRuns: 500 },
    )
  })
})

describe('reference and report', () => {
  it('gives every setting a description, an own variable and an own flag', () => {
    const all = settings()
    for (const { path, schema } of all) {
      expect(schema.description, path).toBeTruthy()
      expect(schema.expects, path).toBeTruthy()
    }
    const plain = all.filter(isPlain).map(({ path }) => path)
    expect(new Set(plain.map(environmentName)).size).toBe(plain.length)
    expect(new Set(plain.map(flagName)).size).toBe(plain.length)
    const reference = configReference()
    for (const { path } of all) expect(reference).toMatch(new RegExp(`^##+ ${path.replaceAll('.', '\\.')}$`, 'm'))
  })

  it('has an example that is valid', () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(configReference())?.[1]
    write('flowident.yaml', example ?? 'no example')
    expect(load().config.services.rules[0]?.name).toBe('payment')
  })

  it('lists every setting with value and origin', () => {
    const rows = settingsInForce(load({ FLOWIDENT_LOG_LEVEL: 'error' }))
    expect(rows).toHaveLength(settings().length)
    expect(rows.find(({ setting }) => setting === 'log.level')).toEqual({
      setting: 'log.level',
      value: 'error',
      origin: 'FLOWIDENT_LOG_LEVEL',
    })
  })

  it('finds places in a parsed file', () => {
    const { source } = parseYaml('x', 'a:\n  b: [1, {c: 2}]\n')
    expect(source.place(['a', 'b', 1, 'c'], 'key')).toEqual({ line: 2, column: 11 })
    expect(source.place(['a', 'b', 1, 'c'], 'value')).toEqual({ line: 2, column: 14 })
    expect(source.place(['a', 'b', 0], 'value')).toEqual({ line: 2, column: 7 })
  })
})
