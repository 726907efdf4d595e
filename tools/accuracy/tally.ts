// SPDX-License-Identifier: Apache-2.0
// Counts of right and wrong answers, per protocol.

export const percent = (part: number, whole: number, digits = 1): string =>
  whole === 0 ? '–' : `${((100 * part) / whole).toFixed(digits)} %`
export const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)
export const f1 = (precision: number, recall: number): number =>
  precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall)

export interface Line {
  protocol: string
  support: number
  right: number
  /** Flows of other protocols that were given this name. */
  wrong: number
  unknown: number
  precision: number
  recall: number
  f1: number
}

/** Answers against truths; `unknown` is no answer. */
export class Tally {
  readonly #support = new Map<string, number>()
  readonly #right = new Map<string, number>()
  readonly #wrong = new Map<string, number>()
  readonly #unknown = new Map<string, number>()
  readonly #mixed = new Map<string, number>()
  #flows = 0

  add(truth: string, answer: string): void {
    const up = (map: Map<string, number>, key: string): unknown => map.set(key, (map.get(key) ?? 0) + 1)
    this.#flows++
    up(this.#support, truth)
    if (answer === truth) up(this.#right, truth)
    else {
      if (answer === 'unknown') up(this.#unknown, truth)
      else up(this.#wrong, answer)
      up(this.#mixed, `${truth} → ${answer}`)
    }
  }
  get flows(): number {
    return this.#flows
  }
  get right(): number {
    return [...this.#right.values()].reduce((a, b) => a + b, 0)
  }
  get unknown(): number {
    return [...this.#unknown.values()].reduce((a, b) => a + b, 0)
  }
  lines(): Line[] {
    return [...this.#support.keys()].sort().map((protocol) => {
      const support = this.#support.get(protocol) ?? 0
      const right = this.#right.get(protocol) ?? 0
      const wrong = this.#wrong.get(protocol) ?? 0
      const [precision, recall] = [ratio(right, right + wrong), ratio(right, support)]
      return { protocol, support, right, wrong, unknown: this.#unknown.get(protocol) ?? 0, precision, recall, f1: f1(precision, recall) }
    })
  }
  /** `truth → answer`, most frequent first. */
  mistakes(): [string, number][] {
    return [...this.#mixed].sort((a, b) => b[1] - a[1])
  }
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

export const linesTable = (lines: readonly Line[]): string =>
  table(
    ['protocol', 'flows', 'precision', 'recall', 'F1', 'unknown'],
    lines.map((l) => [
      l.protocol,
      l.support,
      l.right + l.wrong === 0 ? '–' : `${(100 * l.precision).toFixed(1)} %`,
      `${(100 * l.recall).toFixed(1)} %`,
      l.f1.toFixed(3),
      l.unknown,
    ]),
  )
