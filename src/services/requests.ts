// SPDX-License-Identifier: Apache-2.0
// Sums what kernel.requests() gives, histograms by aggregate, per service. Works on differences, as traffic.ts does.
import { AggregateView } from '../flows/aggregate-view.js'
import { AGGREGATE } from '../flows/layout.js'
import { type RoleName, roleName } from '../flows/names.js'
import { OTHER_INDEX } from './registry.js'
import type { ResolveRow } from './traffic.js'

/** Upper bounds of the buckets in seconds; one more is above. Those of kRequestBounds in native/request_meter.h. */
export const REQUEST_BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
/** Sum and buckets. */
const WORDS = REQUEST_BOUNDS.length + 2
const TEXT = AGGREGATE.values + 8 * WORDS

export type RequestKind = 'http' | 'dns' | 'redis'

export interface RequestSeries {
  readonly kind: RequestKind
  readonly service: number
  readonly role: RoleName | null
  /** HTTP: method, status class, host, route. DNS: type, code. Redis: command, status. */
  readonly words: readonly string[]
  sumNs: number
  readonly buckets: Float64Array
}

interface Row {
  readonly last: Float64Array
  series: RequestSeries
  final: boolean
}

export class Requests {
  readonly #rows = new Map<string, Row>()
  readonly #series = new Map<string, RequestSeries>()
  /** By cause. */
  readonly losses: Record<string, number> = {}

  get series(): readonly RequestSeries[] {
    return [...this.#series.values()]
  }

  /** Asks again whose each aggregate is; what was counted so far stays where it is. */
  reassign(): void {
    for (const row of this.#rows.values()) row.final = false
  }

  update(buffer: ArrayBuffer, resolve: ResolveRow): void {
    const view = new AggregateView(buffer)
    for (let at = 0; at + TEXT + 8 <= buffer.byteLength; ) {
      view.at = at
      const length = view.low(WORDS)
      const text = Buffer.from(buffer, at + TEXT + 8, length).toString('latin1')
      this.#take(view, text, Buffer.from(buffer, at, AGGREGATE.values).toString('latin1'), resolve)
      at += TEXT + 8 + Math.ceil(length / 8) * 8
    }
  }

  #take(view: AggregateView, text: string, key: string, resolve: ResolveRow): void {
    const [kind = '', ...words] = text.split('\t')
    if (kind === 'loss') {
      this.losses[words[0] ?? ''] = view.low(0)
      return
    }
    let row = this.#rows.get(`${key}${text}`)
    if (!row?.final) {
      // An empty key: several aggregates that found no room, or a flow that ended before it had one.
      const { service, final } = view.view === 0 ? { service: OTHER_INDEX, final: true } : resolve(view)
      const series = this.#seriesOf(kind as RequestKind, service, view.view === 0 ? null : roleName(view.role), words)
      if (row) Object.assign(row, { series, final })
      else row = { last: new Float64Array(WORDS), series, final }
      this.#rows.set(`${key}${text}`, row)
    }
    const { last, series } = row
    for (let i = 0; i < WORDS; i++) {
      const now = view.high(i) * 0x1_0000_0000 + view.low(i)
      const grown = now - last[i]!
      if (grown <= 0) continue
      last[i] = now
      if (i === 0) series.sumNs += grown
      else series.buckets[i - 1]! += grown
    }
  }

  #seriesOf(kind: RequestKind, service: number, role: RoleName | null, words: readonly string[]): RequestSeries {
    const key = `${kind}/${service}/${role}/${words.join('\t')}`
    let series = this.#series.get(key)
    if (!series) {
      series = { kind, service, role, words, sumNs: 0, buckets: new Float64Array(REQUEST_BOUNDS.length + 1) }
      this.#series.set(key, series)
    }
    return series
  }
}
