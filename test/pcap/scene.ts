// SPDX-License-Identifier: Apache-2.0
// A scene is one recording: it starts real servers and clients, and says what each flow is.
import { app } from '../lib/app.js'
import { CLIENT, type Pair, SERVER } from '../lib/netns.js'
import type { Frame } from '../lib/pcap.js'
import { listening, Proc, run } from '../lib/process.js'
import { type KeyPair, keyPair, type TempDir } from '../lib/temp.js'

/** What flowident should say about the next flow to a port, in the order in which flows were opened. */
export interface Expect {
  port: number
  protocol: string
  /** From the outside in; [protocol] when left out. */
  layers?: readonly string[]
  labels?: Readonly<Record<string, string>>
  transport?: 'tcp' | 'udp'
  /** Number of flows in a row that are like this; 1 when left out. */
  times?: number
}

export interface Scene {
  /** Name of the capture without the ending. */
  name: string
  about: string
  /** Runs before the recording starts: devices to make, servers to start. */
  prepare?(stage: Stage): Promise<void>
  run(stage: Stage): Promise<Expect[]>
  /** Changes the recording, for what a network does to packets. */
  edit?(frames: Frame[]): Frame[]
  /** Interface to record, of the client's namespace; e0 when left out. */
  device?: string
  mtu?: number
  /** Kind of file; pcap when left out. */
  format?: 'pcap' | 'pcapng' | 'pcap.gz'
}

export class Stage {
  readonly server = SERVER
  readonly client = CLIENT
  readonly pair: Pair
  readonly dir: TempDir
  readonly #procs: Proc[] = []
  #keys: KeyPair | undefined

  constructor(pair: Pair, dir: TempDir) {
    this.pair = pair
    this.dir = dir
  }

  get serverNs(): string {
    return this.pair.server.name
  }

  /** Keeps a server until the scene ends. */
  async keep(proc: Proc | Promise<Proc>): Promise<Proc> {
    const p = await proc
    this.#procs.push(p)
    return p
  }

  /** Starts a server and waits for its port. */
  async serve(argv: readonly string[], port: number, l4: 'tcp' | 'udp' = 'tcp', input?: string): Promise<Proc> {
    const proc = await this.keep(new Proc(argv, { netns: this.serverNs, cwd: this.dir.path, input }))
    await listening(proc, port, l4)
    return proc
  }

  async serveApp(name: string, port: number, ...args: (string | number)[]): Promise<Proc> {
    const proc = await this.keep(app({ netns: this.serverNs, cwd: this.dir.path }, name, ...args))
    await listening(proc, port)
    return proc
  }

  /** Runs a client to its end. */
  async ask(
    argv: readonly string[],
    options: { codes?: number[]; input?: string | Buffer; env?: Record<string, string> } = {},
  ): Promise<string> {
    const done = await run(argv, { netns: this.pair.client.name, cwd: this.dir.path, ...options })
    return done.stdout
  }

  async askApp(name: string, ...args: (string | number)[]): Promise<string> {
    const done = await app({ netns: this.pair.client.name }, name, ...args).finish()
    if (done.code !== 0) throw new Error(`${name} ${args.join(' ')}: ${done.stdout}${done.stderr}`)
    return done.stdout
  }

  /** A client that speaks by hand: sends the text and reads what comes for a moment. */
  async say(port: number, text: string | Buffer, wait = 1): Promise<string> {
    return this.ask(['nc', '-q', String(wait), '-w', '3', SERVER.v4, String(port)], { input: text })
  }

  async keys(): Promise<KeyPair> {
    this.#keys ??= await keyPair(this.dir, 'server', 'web.example.test', 'api.example.test')
    return this.#keys
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proc of this.#procs.reverse()) await proc.stop()
  }
}
