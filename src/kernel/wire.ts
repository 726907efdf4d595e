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

type WireKernel = Pick<Kernel, 'attachInterface' | 'detachInterface' | 'interfaceState'>

interface Watched {
  readonly name: string
  readonly attachments: readonly Attachment[]
  /** When it is tried again, if nothing is attached, or XDP is not for another program's sake. */
  readonly retryAt: number
  readonly failures: number
}

/** Another program has the XDP slot: native/attach_interface.cc says so. */
const isDisplaced = ({ error }: Attachment): boolean => error?.includes('holds the XDP slot') ?? false

const FIRST_RETRY_MS = 1500
const LAST_RETRY_MS = 60_000

export class Wire {
  readonly #kernel: WireKernel
  readonly #config: WireConfig
  readonly #list: ListInterfaces
  readonly #log: Logger
  readonly #now: () => number
  readonly #watched = new Map<number, Watched>()
  #running: Promise<void> | undefined

  /** `now`: milliseconds, of a clock that does not jump. */
  constructor(kernel: WireKernel, config: WireConfig, list: ListInterfaces, log: Logger, now: () => number = () => performance.now()) {
    this.#kernel = kernel
    this.#config = config
    this.#list = list
    this.#log = log
    this.#now = now
  }

  get attachments(): Attachment[] {
    return [...this.#watched.values()].flatMap(({ attachments }) => attachments)
  }
  /** Whether the configuration wants a wire view at all. */
  get wanted(): boolean {
    const { interfaces, mode, egress } = this.#config
    return interfaces.some((pattern) => pattern !== 'none') && (mode !== 'off' || egress !== 'off')
  }

  /** Whether packets of this interface can be dropped: not by a filter that sees copies. */
  enforces(ifindex: number): boolean {
    return this.#watched.get(ifindex)?.attachments.some(({ program, ok }) => ok && program !== 'fi_filter') ?? false
  }
  get enforcing(): boolean {
    return [...this.#watched.keys()].some((index) => this.enforces(index))
  }

  /** Attaches what is new, was taken away, or can be attached by now; lets go of what is gone. */
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
      if (chosen.has(index)) continue
      this.#kernel.detachInterface(index)
      this.#watched.delete(index)
      this.#log.info({ interface: name }, 'interface is gone, or is not wanted')
    }
    for (const [index, { name }] of chosen) {
      const watched = this.#watched.get(index)
      if (watched === undefined) await this.#attach(index, name, 0)
      else await this.#look(index, name, watched)
    }
  }

  /** An interface that is watched already. */
  async #look(index: number, name: string, watched: Watched): Promise<void> {
    const because = this.#again(index, watched)
    if (because !== undefined) {
      this.#kernel.detachInterface(index)
      if (because !== '') this.#log.info({ interface: name, because }, 'attaching again')
      // A retry is told when something came of it.
      await this.#attach(index, name, because === '' ? watched.failures : 0)
    } else if (watched.name !== name) {
      // Attachments belong to the interface, whatever it is called.
      this.#log.info({ interface: name, before: watched.name }, 'interface was renamed')
      const attachments = watched.attachments.map((each) => ({ ...each, target: name }))
      this.#watched.set(index, { ...watched, name, attachments })
    }
  }

  /** Why to attach once more: '' for another try; undefined: all is as it can be. */
  #again(index: number, { attachments, retryAt }: Watched): string | undefined {
    const { alive, xdpFree } = this.#kernel.interfaceState(index)
    if (!alive) return 'an attachment was taken away'
    if (this.#now() < retryAt) return undefined
    if (xdpFree && attachments.some(isDisplaced)) return 'the XDP slot is free'
    // What is attached is not let go of for the sake of what is not.
    return attachments.every(({ ok }) => !ok) ? '' : undefined
  }

  async #attach(index: number, name: string, failures: number): Promise<void> {
    const { mode, egress } = this.#config
    let attachments: readonly Attachment[]
    try {
      attachments = await this.#kernel.attachInterface(index, { xdp: mode, egress })
    } catch (error) {
      attachments = [{ program: 'wire', target: name, ifindex: index, mode: 'none', ok: false, error: (error as Error).message }]
    }
    const failed = attachments.every(({ ok }) => !ok)
    const retryAt = this.#now() + Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS)
    this.#watched.set(index, { name, attachments, retryAt, failures: failed ? failures + 1 : 0 })
    for (const { program, mode: how, ok, error } of attachments) {
      if (ok) this.#log.info({ interface: name, program, mode: how, ...(error !== undefined && { because: error }) }, 'wire view attached')
      else if (failures === 0) this.#log.warn({ interface: name, program, error }, 'wire view not attached')
    }
  }
}
