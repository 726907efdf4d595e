// SPDX-License-Identifier: Apache-2.0
// Child processes of tests: started in a network namespace, as another user, in a cgroup; ended by pid.
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

export interface StartOptions {
  /** Name of the network namespace to run in. */
  netns?: string | undefined
  /** Name of the user (and its group) to run as. */
  user?: string | undefined
  /** Directory of the cgroup to run in. */
  cgroup?: string | undefined
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  /** All of its input. */
  input?: string | Buffer | undefined
  /** Keep its input open for say(). */
  talk?: boolean | undefined
}

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** argv with what it takes to enter cgroup, namespace and user. Every wrapper execs, so the pid stays that of the child. */
function wrapped(argv: readonly string[], options: StartOptions): string[] {
  let out = [...argv]
  if (options.user !== undefined) out = ['setpriv', `--reuid=${options.user}`, `--regid=${options.user}`, '--clear-groups', '--', ...out]
  if (options.netns !== undefined) out = ['nsenter', `--net=/run/netns/${options.netns}`, '--', ...out]
  if (options.cgroup !== undefined) out = ['sh', '-c', `echo $$ > "$0"/cgroup.procs && exec "$@"`, options.cgroup, ...out]
  return out
}

/** A running child; output is kept for messages. */
export class Proc {
  stdout = ''
  stderr = ''
  readonly argv: readonly string[]
  readonly options: StartOptions
  readonly #child: ChildProcess
  /** Ended, and its output is complete. */
  readonly #done: Promise<number | null>
  /** Ended; children of it may still hold its output open. */
  readonly #ended: Promise<unknown>

  constructor(argv: readonly string[], options: StartOptions = {}) {
    this.argv = argv
    this.options = options
    const [command, ...args] = wrapped(argv, options)
    this.#child = spawn(command as string, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: [options.input === undefined && options.talk !== true ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.#child.stdout?.on('data', (chunk) => {
      this.stdout += chunk
    })
    this.#child.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.#ended = new Promise((resolve) => {
      this.#child.on('exit', resolve)
      this.#child.on('error', resolve)
    })
    this.#done = new Promise((resolve) => {
      this.#child.on('close', resolve)
      this.#child.on('error', (error) => {
        this.stderr += String(error)
        resolve(127)
      })
    })
    if (options.input !== undefined) this.#child.stdin?.end(options.input)
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined
  }

  /** Writes to the child's input, which must have been asked for by `talk`. */
  say(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Waits for the end; kills and throws after `limit` milliseconds. */
  async finish(limit = 20_000): Promise<Finished> {
    const late = new AbortController()
    const code = await Promise.race([this.#done, sleep(limit, 'late' as const, { signal: late.signal }).catch(() => null)])
    late.abort()
    if (code === 'late') {
      await this.stop('SIGKILL')
      throw new Error(`${this.argv.join(' ')}: still running after ${limit} ms\n${this.stdout}\n${this.stderr}`)
    }
    return { code, stdout: this.stdout, stderr: this.stderr }
  }

  signal(name: NodeJS.Signals): void {
    if (this.running) this.#child.kill(name)
  }

  /** Ends the child: the signal first, SIGKILL after two seconds. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.signal(name)
    const late = new AbortController()
    const ended = await Promise.race([this.#ended.then(() => true), sleep(2000, false, { signal: late.signal }).catch(() => true)])
    late.abort()
    if (!ended) {
      this.signal('SIGKILL')
      await this.#ended
    }
    this.#child.stdout?.destroy()
    this.#child.stderr?.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** Runs to the end; throws unless the exit code is among `codes` (empty: any). */
export async function run(
  argv: readonly string[],
  options: StartOptions & { codes?: readonly number[]; limit?: number } = {},
): Promise<Finished> {
  const done = await new Proc(argv, options).finish(options.limit)
  const codes = options.codes ?? [0]
  if (codes.length > 0 && !codes.includes(done.code ?? -1))
    throw new Error(`${argv.join(' ')}: exit code ${done.code}\n${done.stdout}\n${done.stderr}`)
  return done
}

/** Polls until the condition holds; throws with the name after `limit` milliseconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 15_000): Promise<void> {
  const end = Date.now() + limit
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${limit} ms for ${what}`)
    await sleep(20)
  }
}

/** Is a socket bound to the port (TCP: listening) in the namespace that the process is in? Opens no connection. */
function bound(pid: number, port: number, l4: 'tcp' | 'udp'): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  for (const file of [l4, `${l4}6`]) {
    const rows = readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').slice(1)
    for (const row of rows) {
      const [, local, , state] = row.trim().split(/\s+/)
      if (local?.endsWith(`:${hex}`) && (l4 === 'udp' || state === '0A')) return true
    }
  }
  return false
}

/** Waits until the server has its port; throws with its output when it ends before. */
export async function listening(proc: Proc, port: number, l4: 'tcp' | 'udp' = 'tcp'): Promise<void> {
  const home = proc.options.netns === undefined ? undefined : statSync(`/run/netns/${proc.options.netns}`).ino
  await until(`${proc.argv[0]} on port ${port}`, () => {
    if (!proc.running) throw new Error(`${proc.argv.join(' ')} ended\n${proc.stdout}\n${proc.stderr}`)
    try {
      if (home !== undefined && statSync(`/proc/${proc.pid}/ns/net`).ino !== home) return false
      return bound(proc.pid, port, l4)
    } catch {
      return false
    }
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${proc.stdout}\n${proc.stderr}`)
  })
}
