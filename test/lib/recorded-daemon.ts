// SPDX-License-Identifier: Apache-2.0
// The whole daemon over a recorded kernel with given flows, on a socket in a folder of its own.
import { get } from 'node:http'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, defaults } from '../../src/config/schema.js'
import { Daemon } from '../../src/daemon.js'
import { createLogger } from '../../src/log.js'
import { RecordedKernel, recordedSource } from '../unit/support/kernel.js'
import { join as joinRecords } from '../unit/support/records.js'
import { TempDir } from './temp.js'

export class RecordedDaemon implements AsyncDisposable {
  readonly dir: TempDir
  readonly kernel: RecordedKernel
  readonly #daemon: Daemon

  private constructor(dir: TempDir, kernel: RecordedKernel, daemon: Daemon) {
    this.dir = dir
    this.kernel = kernel
    this.#daemon = daemon
  }

  /** `ended`: flows whose end the ring tells after the start. */
  static async start(
    { live, ended = [] }: { live: readonly Uint8Array[]; ended?: readonly Uint8Array[] },
    change: (config: Config) => void = () => undefined,
  ): Promise<RecordedDaemon> {
    const dir = new TempDir('recorded')
    const kernel = new RecordedKernel()
    kernel.flows = joinRecords(...live)
    mkdirSync(join(dir.path, 'proc/self'), { recursive: true })
    writeFileSync(join(dir.path, 'proc/self/mountinfo'), '')
    writeFileSync(join(dir.path, 'passwd'), 'www-data:x:33:33::/:/bin/false\n')
    mkdirSync(join(dir.path, 'sys/class/net/eth0/device'), { recursive: true })
    writeFileSync(join(dir.path, 'sys/class/net/eth0/ifindex'), '2\n')
    writeFileSync(join(dir.path, 'sys/class/net/eth0/flags'), '0x1003\n')
    const config = defaults()
    config.listen = [`unix:${dir.path}/api.sock`]
    config.rules.folder = dir.dir('rules.d')
    change(config)
    const daemon = await Daemon.start(config, createLogger({ level: 'error', format: 'json', sink: { write: () => true } }), {
      source: recordedSource(kernel),
      roots: { proc: dir.file('proc'), sys: dir.file('sys'), passwd: dir.file('passwd'), run: dir.file('run') },
      clock: { monotonicNs: () => 10_000_000_000n, realtimeNs: () => 1_700_000_000_000_000_000n },
      env: {},
      version: '1.2.3',
      readTls: undefined,
    })
    if (ended.length > 0) kernel.ring(joinRecords(...ended))
    return new RecordedDaemon(dir, kernel, daemon)
  }

  get url(): string {
    return `unix:${this.dir.path}/api.sock`
  }

  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ socketPath: join(this.dir.path, 'api.sock'), path }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (more: string) => {
          text += more
        })
        response.on('end', () => resolve(text))
      }).on('error', reject)
    })
  }

  /** The stream of events as lines, closed once there is enough of it. `ready`: it is open. */
  events(enough: (text: string) => boolean): { ready: Promise<void>; text: Promise<string> } {
    let opened = (): void => undefined
    const ready = new Promise<void>((resolve) => {
      opened = resolve
    })
    const headers = { accept: 'application/x-ndjson' }
    const text = new Promise<string>((resolve, reject) => {
      const asked = get({ socketPath: join(this.dir.path, 'api.sock'), path: '/api/v1/events', headers }, (response) => {
        let seen = ''
        opened()
        response.setEncoding('utf8').on('data', (more: string) => {
          seen += more
          if (!enough(seen)) return
          asked.destroy()
          resolve(seen)
        })
      })
      asked.on('error', reject)
    })
    return { ready, text }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]()
    this.dir[Symbol.dispose]()
  }
}
