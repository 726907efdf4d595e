// SPDX-License-Identifier: Apache-2.0
// What the kernel part counted (enum fi_counter) and what the daemon itself could not keep.
// Labels: cause; tap and direction; none.
import type { Collector, Family } from './text.js'

/** One cell of enum fi_counter, in its order. */
export interface CounterCell {
  /** Lower case, without the prefix: `ring_full`. */
  readonly name: string
  readonly help: string
}

const TAPS: Readonly<Record<string, { readonly tap: string; readonly direction: string }>> = {
  socket_rx: { tap: 'socket', direction: 'rx' },
  socket_tx: { tap: 'socket', direction: 'tx' },
  wire_rx: { tap: 'wire', direction: 'rx' },
  wire_tx: { tap: 'wire', direction: 'tx' },
}
/** Totals that are no losses. Every other cell is exported as a cause, so that a new one needs no code here. */
const TOTALS: Readonly<Record<string, string>> = {
  flow_new: 'flowident_flows_created_total',
  flow_end: 'flowident_flows_ended_total',
  unknown: 'flowident_unknown_flows_total',
  fragment: 'flowident_fragments_total',
  tunnelled: 'flowident_tunnelled_packets_total',
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

export class LossesCollector implements Collector {
  readonly name = 'losses'
  readonly #cells: readonly CounterCell[]
  readonly #counters: () => BigUint64Array
  readonly #own: () => Readonly<Record<string, number>>

  /** `own`: losses of the daemon, by cause. */
  constructor(cells: readonly CounterCell[], counters: () => BigUint64Array, own: () => Readonly<Record<string, number>>) {
    this.#cells = cells
    this.#counters = counters
    this.#own = own
  }

  collect(): Family[] {
    const counters = this.#counters()
    const value = (cell: CounterCell): bigint => counters[this.#cells.indexOf(cell)] ?? 0n
    const causes = this.#cells.filter(({ name }) => !TAPS[name] && !TOTALS[name])
    const taps = this.#cells.flatMap((cell) => {
      const labels = TAPS[cell.name]
      return labels ? [{ labels: { ...labels }, value: value(cell) }] : []
    })
    const totals = this.#cells.flatMap((cell): Family[] => {
      const name = TOTALS[cell.name]
      return name === undefined ? [] : [{ name, type: 'counter', help: sentence(cell.help), samples: [{ labels: {}, value: value(cell) }] }]
    })
    return [
      {
        name: 'flowident_losses_total',
        type: 'counter',
        help: `What could not be seen, kept or told, by cause: ${causes.map(({ name, help }) => `${name} = ${help}`).join('; ')}.`,
        samples: [
          ...causes.map((cell) => ({ labels: { cause: cell.name }, value: value(cell) })),
          ...Object.entries(this.#own()).map(([cause, n]) => ({ labels: { cause }, value: n })),
        ],
      },
      { name: 'flowident_tap_packets_total', type: 'counter', help: 'Packets that a tap was given.', samples: taps },
      ...totals,
    ]
  }
}
