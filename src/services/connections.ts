// SPDX-License-Identifier: Apache-2.0
// Sums the kernel's connection counters (struct fi_conn, by aggregate) per service. Works on differences, as traffic.ts does.
import { AggregateView } from '../flows/aggregate-view.js'
import { CONNECTION } from '../flows/layout.js'
import { type RoleName, roleName } from '../flows/names.js'
import { protocolName } from '../flows/protocols.js'
import type { ResolveRow } from './traffic.js'

export interface ConnectionSeries {
  readonly service: number
  readonly protocol: string
  readonly role: RoleName | null
  /** The 64-bit words of struct fi_conn. */
  readonly words: Float64Array
}

interface Row {
  readonly last: Float64Array
  series: ConnectionSeries
  final: boolean
}

export class Connections {
  /** By the bytes of struct fi_agg_key: as many as the kernel has room for aggregates. */
  readonly #rows = new Map<string, Row>()
  readonly #series = new Map<string, ConnectionSeries>()

  get series(): readonly ConnectionSeries[] {
    return [...this.#series.values()]
  }

  /** Asks again whose each aggregate is; what was counted so far stays where it is. */
  reassign(): void {
    for (const row of this.#rows.values()) row.final = false
  }

  /** Takes in what kernel.connections() gave. */
  update(buffer: ArrayBuffer, resolve: ResolveRow): void {
    const view = new AggregateView(buffer)
    for (let at = 0; at + CONNECTION.size <= buffer.byteLength; at += CONNECTION.size) {
      view.at = at
      this.#take(view, Buffer.from(buffer, at, CONNECTION.values).toString('latin1'), resolve)
    }
  }

  #take(view: AggregateView, key: string, resolve: ResolveRow): void {
    let row = this.#rows.get(key)
    if (!row?.final) {
      const { service, final } = resolve(view)
      const series = this.#seriesOf(view, service)
      if (row) Object.assign(row, { series, final })
      else row = { last: new Float64Array(CONNECTION.words), series, final }
      this.#rows.set(key, row)
    }
    const { last, series } = row
    for (let i = 0; i < CONNECTION.words; i++) {
      const now = view.high(i) * 0x1_0000_0000 + view.low(i)
      if (now > last[i]!) {
        series.words[i]! += now - last[i]!
        last[i] = now
      }
    }
  }

  #seriesOf(view: AggregateView, service: number): ConnectionSeries {
    const key = `${service}/${view.protocol}/${view.role}`
    let series = this.#series.get(key)
    if (!series) {
      series = {
        service,
        protocol: protocolName(view.protocol),
        role: roleName(view.role),
        words: new Float64Array(CONNECTION.words),
      }
      this.#series.set(key, series)
    }
    return series
  }
}
