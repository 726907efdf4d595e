// SPDX-License-Identifier: Apache-2.0
// `rules off` reaches the switch of every version: of its value only the first two words are the same in all of them.
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { unavailable } from './flow-states.js'

const addon = loadAddon()
const BPFTOOL = '/usr/sbin/bpftool'
const reason = unavailable() ?? (existsSync(BPFTOOL) && existsSync('/sys/fs/bpf') ? undefined : 'needs bpftool and bpffs')

describe.skipIf(reason !== undefined)(`rules off and tables of other versions${reason ? ` (skipped: ${reason})` : ''}`, () => {
  const pins = [8, 24, 40].map((size) => ({ size, path: `/sys/fs/bpf/fi_test_switch_${process.pid}_${size}` }))
  const bpftool = (...words: string[]): string => execFileSync(BPFTOOL, words, { encoding: 'utf8' })
  const write = (path: string, words: readonly number[]): void => {
    const bytes = [...new Uint8Array(Uint32Array.from(words).buffer)].map(String)
    bpftool('map', 'update', 'pinned', path, 'key', '0', '0', '0', '0', 'value', ...bytes)
  }
  const read = (path: string): number[] => {
    const { value } = JSON.parse(bpftool('-j', 'map', 'lookup', 'pinned', path, 'key', '0', '0', '0', '0')) as { value: string[] }
    return [...new Uint32Array(Uint8Array.from(value.map(Number)).buffer)]
  }
  /** A word at each place of the value. */
  const whole = (size: number, ...words: number[]): number[] => Array.from({ length: size / 4 }, (_, i) => words[i] ?? 0)

  beforeAll(() => {
    for (const { size, path } of pins)
      bpftool('map', 'create', path, 'type', 'array', 'key', '4', 'value', String(size), 'entries', '1', 'name', 'fi_rules_switch')
  })
  afterAll(() => {
    for (const { path } of pins) rmSync(path, { force: true })
  })

  it('takes their set out of force, and one that is to come back', () => {
    for (const { size, path } of pins) write(path, whole(size, 7, 9, 6, 5, 4, 3))
    expect(addon.rulesOff()).toBe(pins.length)
    for (const { size, path } of pins) expect(read(path)).toEqual(whole(size, 0, 9))
    expect(addon.rulesOff()).toBe(0)
    // Nothing is in force, but what was before will be when the trial is over.
    const trial = pins[1] as (typeof pins)[0]
    write(trial.path, whole(trial.size, 0, 9, 8, 0, 1, 0))
    expect(addon.rulesOff()).toBe(1)
    expect(read(trial.path)).toEqual(whole(trial.size, 0, 9))
  })
})
