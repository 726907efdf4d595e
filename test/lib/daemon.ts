// SPDX-License-Identifier: Apache-2.0
// Starts the real daemon with a configuration of its own and asks its API over the Unix socket.
import { existsSync } from 'node:fs'
import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { Proc, until } from './process.js'
import type { TempDir } from './temp.js'

/** A flow as the API gives it: flat keys, as in docs. */
export type ApiFlow = Record<string, unknown> & { id: string; view: string }

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const addonPath = `${ROOT}build/Release/flowident.node`

/** Why the daemon cannot run here, or undefined when it can. */
export function daemonUnavailable(): string | undefined {
  if (!existsSync(addonPath)) return 'the addon is not built (make native)'
  if (!existsSync(`${ROOT}src/main.ts`)) return 'src/main.ts is missing'
  return undefined
}

/** argv of one command of flowident, from the sources. */
export function commandLine(...args: string[]): string[] {
  return [process.execPath, '--import', import.meta.resolve('tsx'), `${ROOT}src/main.ts`, ...args]
}

export interface DaemonOptions {
  /** Interfaces of the wire view; none when left out. */
  interfaces?: readonly string[]
  netns?: string
  /** Path of its socket; a fresh one when left out. */
  socket?: string
  /** Where it listens beside its socket. */
  listen?: readonly string[]
  /** Further lines of YAML, which continue the section `wire` when indented. */
  config?: string
}

export class Daemon {
  readonly proc: Proc
  readonly socket: string

  private constructor(proc: Proc, socket: string) {
    this.proc = proc
    this.socket = socket
  }

  static async start(dir: TempDir, options: DaemonOptions = {}): Promise<Daemon> {
    const socket = options.socket ?? dir.file(`flowident-${Date.now()}.sock`)
    const config = dir.file(
      `flowident-${Date.now()}.yaml`,
      `listen: ${JSON.stringify([`unix:${socket}`, ...(options.listen ?? [])])}
wire:
  interfaces: ${JSON.stringify(options.interfaces ?? ['none'])}
${options.config ?? ''}`,
    )
    const proc = new Proc(commandLine('run', '--config', config), { netns: options.netns, cwd: ROOT })
    const daemon = new Daemon(proc, socket)
    // Loading takes seconds, and a multiple of them on a machine that is busy with other tests.
    const ready = async (): Promise<boolean> => {
      if (!proc.running) throw new Error(`the daemon ended\n${proc.stdout}\n${proc.stderr}`)
      return (await daemon.get('/readyz').catch(() => undefined))?.status === 200
    }
    await until('the daemon to be ready', ready, 60_000).catch(async (error: Error) => {
      await proc.stop('SIGKILL')
      throw new Error(`${error.message}\n${proc.stdout}\n${proc.stderr}`)
    })
    return daemon
  }

  /** One request; the body is JSON when the answer says so, else text. */
  get(path: string): Promise<{ status: number; body: unknown; text: string }> {
    return new Promise((resolve, reject) => {
      const r = request({ socketPath: this.socket, path, timeout: 5000 }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => {
          const json = (response.headers['content-type'] ?? '').includes('json')
          resolve({ status: response.statusCode ?? 0, body: json ? JSON.parse(text) : text, text })
        })
      })
      r.on('timeout', () => r.destroy(new Error(`${path}: no answer in 5 s`)))
      r.on('error', reject)
      r.end()
    })
  }

  /** All flows that match the query, page by page. */
  async flows(query: Record<string, string> = {}): Promise<ApiFlow[]> {
    const all: ApiFlow[] = []
    let cursor: string | undefined
    do {
      const words = new URLSearchParams({ limit: '1000', ...query, ...(cursor === undefined ? {} : { cursor }) })
      const { status, body, text } = await this.get(`/api/v1/flows?${words}`)
      if (status !== 200) throw new Error(`flows: ${status} ${text}`)
      const page = body as { flows: ApiFlow[]; next?: string | null }
      all.push(...page.flows)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return all
  }

  /** Ctrl-C; returns the exit code. */
  async interrupt(): Promise<number | null> {
    this.proc.signal('SIGINT')
    return (await this.proc.finish(10_000)).code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proc.stop('SIGINT')
  }
}
