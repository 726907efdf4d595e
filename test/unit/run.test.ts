// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { type RunContext, type Running, runDaemon, watchdogMs } from '../../src/cli/run.js'
import type { LoadedConfig } from '../../src/config/load.js'
import { type Config, defaults } from '../../src/config/schema.js'
import { FlowidentError } from '../../src/errors.js'
import { createLogger } from '../../src/log.js'

const loaded = (config: Config = defaults()): LoadedConfig => ({ config, origins: new Map(), warnings: [], files: [] })

/** A daemon that writes down what happens to it, between signals that the test sends. */
function stage(
  over: { env?: Record<string, string>; load?: () => LoadedConfig; running?: Partial<Running>; start?: RunContext['start'] } = {},
) {
  const events: string[] = []
  const stop = new AbortController()
  let hangup: (() => void) | undefined
  const log = createLogger({
    format: 'json',
    env: {},
    sink: { write: (line) => events.push(`log ${(JSON.parse(line) as { msg: string }).msg}`) },
  })
  const running: Running = {
    reload: (config) => {
      events.push(`reload ${config.log.level}`)
      return ['listen']
    },
    [Symbol.asyncDispose]: async () => void events.push('closed'),
    ...over.running,
  }
  const context: RunContext = {
    env: over.env ?? {},
    log,
    signal: stop.signal,
    load: over.load ?? loaded,
    start: over.start ?? (async () => running),
    notify: (state) => events.push(`notify ${state.replace(/\n[\s\S]*/, '')}`) > 0,
    onHangup: (reload) => {
      hangup = reload
      return () => {
        hangup = undefined
      }
    },
  }
  const done = runDaemon(context, defaults())
  const settle = () => new Promise((resolve) => setTimeout(resolve, 5))
  return { events, stop, done, settle, hangup: () => hangup?.(), listening: () => hangup !== undefined, log }
}

describe('run', () => {
  it('is ready after the start, and closes what it started when told to stop', async () => {
    const { events, stop, done, settle, listening } = stage()
    await settle()
    expect(events).toEqual(['log ready', 'notify READY=1'])
    stop.abort()
    await done
    expect(events.slice(2)).toEqual(['log stopping: detaching everything', 'notify STOPPING=1', 'closed'])
    expect(listening()).toBe(false)
  })

  it('stops when told to while it was still starting', async () => {
    let ready = (_: Running) => {}
    const start = () => new Promise<Running>((resolve) => (ready = resolve))
    const events: string[] = []
    const { stop, done } = stage({ start })
    stop.abort()
    ready({ [Symbol.asyncDispose]: async () => void events.push('closed') })
    await done
    expect(events).toEqual(['closed'])
  })

  it('is never ready when the start fails', async () => {
    const { events, done } = stage({ start: () => Promise.reject(new FlowidentError('not-permitted', 'no')) })
    await expect(done).rejects.toMatchObject({ code: 'not-permitted' })
    expect(events).toEqual([])
  })

  it('reloads on SIGHUP, one after the other', async () => {
    const config = defaults()
    config.log.level = 'warn'
    const { events, stop, done, hangup, settle, log } = stage({ load: () => loaded(config) })
    await settle()
    hangup()
    hangup()
    await settle()
    const once = ['notify RELOADING=1', 'reload warn', 'log these settings change only with a restart', 'notify READY=1']
    expect(events.slice(2)).toEqual([...once, ...once])
    expect(log.level).toBe('warn')
    stop.abort()
    await done
  })

  it('keeps running with the old configuration when the new one has mistakes', async () => {
    const load = () => {
      throw new FlowidentError('config-invalid', 'a mistake', { details: ['x:1:1: wrong'] })
    }
    const { events, stop, done, hangup, settle } = stage({ load })
    await settle()
    hangup()
    await settle()
    expect(events.slice(2)).toEqual([
      'notify RELOADING=1',
      'log the configuration was not reloaded; the old one stays in force',
      'notify READY=1',
    ])
    stop.abort()
    await done
  })

  it('feeds the watchdog twice in its time, while it runs', async () => {
    expect(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 7)).toBe(15_000)
    expect(watchdogMs({ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 7)).toBeUndefined()
    expect(watchdogMs({ WATCHDOG_USEC: 'x' })).toBeUndefined()
    expect(watchdogMs({})).toBeUndefined()
    const { events, stop, done } = stage({ env: { WATCHDOG_USEC: '10000' } })
    await new Promise((resolve) => setTimeout(resolve, 60))
    const fed = () => events.filter((event) => event === 'notify WATCHDOG=1').length
    expect(fed()).toBeGreaterThan(2)
    stop.abort()
    await done
    const last = fed()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(fed()).toBe(last)
  })
})
