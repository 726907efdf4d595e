// SPDX-License-Identifier: Apache-2.0
// A full-screen view drawn by hand: the alternate screen, and only the rows that changed since the last frame.
import { clip, type Stream } from './output.js'

const csi = '\u001b['

export class Screen {
  readonly #out: Stream
  #shown: string[] = []
  #size = ''

  constructor(out: Stream) {
    this.#out = out
  }

  get rows(): number {
    return this.#out.rows ?? 24
  }

  get columns(): number {
    return this.#out.columns || 80
  }

  open(): void {
    this.#out.write(`${csi}?1049h${csi}?25l${csi}2J`)
  }

  close(): void {
    this.#out.write(`${csi}?25h${csi}?1049l`)
  }

  /** `lines` carry no control characters of their own; `style` of a row is applied after it is cut to the width. */
  draw(lines: readonly { readonly text: string; readonly bold?: boolean; readonly dim?: boolean }[]): void {
    const size = `${this.rows}x${this.columns}`
    let output = ''
    if (size !== this.#size) {
      this.#size = size
      this.#shown = []
      output += `${csi}2J`
    }
    const next = lines.slice(0, this.rows).map(({ text, bold, dim }) => {
      const cut = clip(text, this.columns)
      return bold === true ? `${csi}1m${cut}${csi}0m` : dim === true ? `${csi}2m${cut}${csi}0m` : cut
    })
    for (let row = 0; row < Math.max(next.length, this.#shown.length); row++) {
      if (next[row] === this.#shown[row]) continue
      output += `${csi}${row + 1};1H${next[row] ?? ''}${csi}K`
    }
    this.#shown = next
    if (output !== '') this.#out.write(output)
  }
}
