// SPDX-License-Identifier: Apache-2.0
// Records with tcpdump: every byte of every packet of one interface.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Netns } from './netns.js'
import { Proc, until } from './process.js'

export class Capture {
  readonly file: string
  readonly #proc: Proc

  private constructor(file: string, proc: Proc) {
    this.file = file
    this.#proc = proc
  }

  /** Starts; returns when packets are being taken. */
  static async start(ns: Netns, device: string, file: string, filter = ''): Promise<Capture> {
    const argv = ['tcpdump', '-i', device, '-n', '-U', '--immediate-mode', '-s', '0', '-B', '8192', '-Z', 'root']
    const proc = new Proc([...argv, '-w', file, ...(filter === '' ? [] : [filter])], { netns: ns.name })
    await until('tcpdump', () => {
      if (!proc.running) throw new Error(`tcpdump ended: ${proc.stderr}`)
      return proc.stderr.includes('listening on')
    })
    return new Capture(file, proc)
  }

  /** Stops after the last packets were written; throws when the kernel dropped some, since the counts would be wrong. */
  async stop(): Promise<void> {
    await sleep(250)
    await this.#proc.stop('SIGINT')
    const dropped = /(\d+) packets? dropped by kernel/.exec(this.#proc.stderr)
    if (dropped === null || dropped[1] !== '0') throw new Error(`capture is not complete: ${this.#proc.stderr}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#proc.running) await this.#proc.stop('SIGINT')
  }
}
