// SPDX-License-Identifier: Apache-2.0
// Keeps the wire view attached to the interfaces that the configuration names, as they come and go.
import type { Config } from '../config/schema.js'
import type { Logger } from '../log.js'
import type { Interface, ListInterfaces } from './interfaces.js'
import type { Attachment, Kernel } from './kernel.js'

type WireConfig = Config['wire']

/** Pattern with `*` for any text, as in `eth*`. */
export const isNamed = (name: string, pattern: string): boolean => {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(name)
}

/** The interfaces to watch: `auto` = with a device behind them and not loopback. */
export const chooseInterfaces = (all: readonly Interface[], patterns: readonly string[]): Interface[] =>
  all.filter(({ name, device, loopback }) =>
    patterns.some((pattern) => (pattern === 'auto' ? device && !loopback : pattern !== 'none' && isNamed(name, pattern))),
  )

interface Watched {
  readonly name: string
  readonly attachments: readonly Attachment[]
}

export class Wire {
  readonly #kernel: Pick<Kernel, 'attachInterface' | 'detachInterface'>
  readonly #config: WireConfig
  readonly #list: ListInterfaces
  readonly #log: Logger
  readonly #watched = new Map<number, Watched>()
  #running: Promise<void> | undefined

  constructor(kernel: Pick<Kernel, 'attachInterface' | 'detachInterface'>, config: WireConfig, list: ListInterfaces, log: Logger) {
    this.#kernel = kernel
    this.#config = config
    this.#list = list
    this.#log = log
  }

  get attachments(): Attachment[] {
    return [...this.#watched.values()].flatMap(({ attachments }) => attachments)
  }
  /** Whether packets of this interface can be dropped: not by a filter that sees copies. */
  enforces(ifindex: number): boolean {
    return this.#watched.get(ifindex)?.attachments.some(({ program, ok }) => ok && program !== 'fi_filter') ?? false
  }
  get enforcing(): boolean {
    return [...this.#watched.keys()].some((index) => this.enforces(index))
  }
  /** Whether the configuration wants a wire view at all. */
  get wanted(): boolean {
    const { interfaces, mode, egress } = this.#config
    return interfaces.some((pattern) => pattern !== 'none') && (mode !== 'off' || egress !== 'off')
  }

  /** Attaches what is new and lets go of what is gone. */
  sync(): Promise<void> {
    if (!this.wanted) return Promise.resolve()
    this.#running ??= this.#sync().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #sync(): Promise<void> {
    const chosen = new Map(chooseInterfaces(this.#list(), this.#config.interfaces).map((each) => [each.index, each]))
    for (const [index, { name }] of this.#watched) {
      if (chosen.get(index)?.name === name) continue
      this.#kernel.detachInterface(index)
      this.#watched.delete(index)
      this.#log.info({ interface: name }, 'interface is gone, was renamed, or is not wanted')
    }
    for (const [index, { name }] of chosen) if (!this.#watched.has(index)) await this.#attach(index, name)
  }

  async #attach(index: number, name: string): Promise<void> {
    const { mode, egress } = this.#config
    try {
      const attachments = await this.#kernel.attachInterface(index, { xdp: mode, egress })
      this.#watched.set(index, { name, attachments })
      for (const { program, mode: how, ok, error } of attachments) {
        if (ok)
          this.#log.info({ interface: name, program, mode: how, ...(error !== undefined && { because: error }) }, 'wire view attached')
        else this.#log.warn({ interface: name, program, error }, 'wire view not attached')
      }
    } catch (error) {
      // Remembered, so that it is told once and not tried every other second.
      this.#watched.set(index, {
        name,
        attachments: [{ program: 'wire', target: name, ifindex: index, mode: 'none', ok: false, error: (error as Error).message }],
      })
      this.#log.warn({ interface: name, err: error }, 'wire view not attached')
    }
  }
}
