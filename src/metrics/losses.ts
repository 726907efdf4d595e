// SPDX-License-Identifier: Apache-2.0
// What the kernel part counted (enum fi_counter) and what the daemon itself could not keep.
// Labels: cause; tap and direction; none.
import type { Collector, Family } from './text.js'

/** One cell of enum fi_counter, in its order. */
export interface CounterCell {
  /** Lower case, without the prefix: `ring_full`. */
  readonly name: string
  readonly help: string
  /** Packets that are counted here and in no flow. */
  readonly unaccounted: boolean
}

/** What a tap was given is in here or unaccounted for a cause. */
export interface Accounted {
  /** Packets in flows, as of the last reading. */
  packets(): bigint
  /** Flows in the kernel's tables now. */
  tableFlows(): Promise<number>
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
  table_in: 'flowident_table_flows_added_total',
  table_out: 'flowident_table_flows_removed_total',
  tunnelled: 'flowident_tunnelled_packets_total',
  rule_answer: 'flowident_rule_answers_total',
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

export class LossesCollector implements Collector {
  readonly name = 'losses'
  readonly #cells: readonly CounterCell[]
  readonly #counters: () => BigUint64Array
  readonly #own: () => Readonly<Record<string, number>>
  readonly #accounted: Accounted
  /** As far as it was seen: flows are added while the tables are counted. */
  #evicted = 0

  /** `own`: losses of the daemon, by cause. */
  constructor(
    cells: readonly CounterCell[],
    counters: () => BigUint64Array,
    own: () => Readonly<Record<string, number>>,
    accounted: Accounted,
  ) {
    this.#cells = cells
    this.#counters = counters
    this.#own = own
    this.#accounted = accounted
  }

  async collect(): Promise<Family[]> {
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
    const count = (name: string): number => Number(counters[this.#cells.findIndex((cell) => cell.name === name)] ?? 0n)
    // Where the tables cannot be read, what was seen before stays.
    const evicted = count('table_in') - count('table_out') - (await this.#accounted.tableFlows().catch(() => Number.POSITIVE_INFINITY))
    if (evicted > this.#evicted) this.#evicted = evicted
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
      {
        name: 'flowident_accounted_packets_total',
        type: 'counter',
        help: 'Packets that are counted in a flow. With those unaccounted for they are the ones that taps were given.',
        samples: [{ labels: {}, value: this.#accounted.packets() }],
      },
      {
        name: 'flowident_unaccounted_packets_total',
        type: 'counter',
        help: 'Packets that are counted in no flow, each under one cause.',
        samples: this.#cells.filter((cell) => cell.unaccounted).map((cell) => ({ labels: { cause: cell.name }, value: value(cell) })),
      },
      {
        name: 'flowident_evicted_flows_total',
        type: 'counter',
        help: 'Flows without a verdict that were pushed out of a full table by newer ones; their packets stay counted.',
        samples: [{ labels: {}, value: this.#evicted }],
      },
      { name: 'flowident_tap_packets_total', type: 'counter', help: 'Packets that a tap was given.', samples: taps },
      ...totals,
    ]
  }
}
