// SPDX-License-Identifier: Apache-2.0
// Exposition formats: Prometheus text 0.0.4 and OpenMetrics 1.0.0.

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number | bigint
  /** Of a histogram: what stands behind the family's name, `_bucket`, `_sum` or `_count`. */
  readonly suffix?: string
}

export interface Family {
  /** With `_total` when it is a counter. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly samples: readonly Sample[]
}

/** One family, or a few that are read together. Its file lists every label that it uses. */
export interface Collector {
  readonly name: string
  collect(): Promise<readonly Family[]> | readonly Family[]
}

export const TEXT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')

const labelText = (labels: Readonly<Record<string, string>>): string => {
  let text = ''
  for (const [key, value] of Object.entries(labels)) text += `${text === '' ? '{' : ','}${key}="${escapeValue(value)}"`
  return text === '' ? '' : `${text}}`
}

const valueText = (value: number | bigint): string => (value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value))

export const renderFamily = (family: Family, openMetrics: boolean): string => {
  const { name, type, help, samples } = family
  const heading = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name
  let text = `# HELP ${heading} ${openMetrics ? escapeValue(help) : escapeHelp(help)}\n# TYPE ${heading} ${type}\n`
  for (const { labels, value, suffix = '' } of samples) text += `${name}${suffix}${labelText(labels)} ${valueText(value)}\n`
  return text
}

/** The samples of one histogram. `buckets` hold what fell into each alone; the last one is above all `bounds`. */
export const histogram = (
  labels: Readonly<Record<string, string>>,
  bounds: readonly number[],
  buckets: ArrayLike<number>,
  sum: number,
): readonly Sample[] => {
  const samples: Sample[] = []
  let count = 0
  for (let i = 0; i <= bounds.length; i++) {
    count += buckets[i] ?? 0
    samples.push({ suffix: '_bucket', labels: { ...labels, le: i < bounds.length ? String(bounds[i]) : '+Inf' }, value: count })
  }
  samples.push({ suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count })
  return samples
}
