// SPDX-License-Identifier: Apache-2.0
// What is attached where. Labels: program, target (interface, cgroup, tracepoint), mode.
import type { Attachment } from '../kernel/kernel.js'
import type { Collector, Family } from './text.js'

export class AttachCollector implements Collector {
  readonly name = 'attach'
  readonly #attachments: () => readonly Attachment[]
  constructor(attachments: () => readonly Attachment[]) {
    this.#attachments = attachments
  }
  collect(): Family[] {
    return [
      {
        name: 'flowident_attach_mode',
        type: 'gauge',
        help: '1 where a program is attached in that mode, 0 where that failed.',
        samples: this.#attachments().map(({ program, target, mode, ok }) => ({ labels: { program, target, mode }, value: ok ? 1 : 0 })),
      },
    ]
  }
}
