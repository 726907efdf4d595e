// SPDX-License-Identifier: Apache-2.0
// One scrape: asks every collector, says how each fared, and adds the process's own metrics. A collector that fails costs
// its families, not the scrape.
import { Registry, type RegistryContentType } from 'prom-client'
import { collectProcess } from './process.js'
import { type Collector, type Family, OPENMETRICS_TYPE, renderFamily, type Sample, TEXT_TYPE } from './text.js'

export interface Scrape {
  readonly type: string
  readonly text: string
}

export class Metrics {
  readonly #collectors: readonly Collector[]
  readonly #registry = new Registry<RegistryContentType>()
  readonly #onError: (collector: string, error: unknown) => void
  readonly #now: () => number

  constructor(collectors: readonly Collector[], onError: (collector: string, error: unknown) => void, now: () => number) {
    this.#collectors = collectors
    this.#onError = onError
    this.#now = now
    collectProcess(this.#registry)
  }

  async scrape(openMetrics: boolean): Promise<Scrape> {
    const success: Sample[] = []
    const duration: Sample[] = []
    let text = ''
    for (const collector of this.#collectors) {
      const labels = { collector: collector.name }
      const start = this.#now()
      let ok = 1
      try {
        const families = await collector.collect()
        text += families.map((family) => renderFamily(family, openMetrics)).join('')
      } catch (error) {
        ok = 0
        this.#onError(collector.name, error)
      }
      success.push({ labels, value: ok })
      duration.push({ labels, value: (this.#now() - start) / 1000 })
    }
    const own: readonly Family[] = [
      { name: 'flowident_collector_success', type: 'gauge', help: 'Whether the last reading of a collector worked.', samples: success },
      { name: 'flowident_collector_duration_seconds', type: 'gauge', help: 'How long it took.', samples: duration },
    ]
    for (const family of own) text += renderFamily(family, openMetrics)
    this.#registry.setContentType(openMetrics ? OPENMETRICS_TYPE : TEXT_TYPE)
    // prom-client leaves out the line break behind its last line, and ends OpenMetrics itself.
    text += `${(await this.#registry.metrics()).trimEnd()}\n`
    return { type: openMetrics ? OPENMETRICS_TYPE : TEXT_TYPE, text }
  }
}
