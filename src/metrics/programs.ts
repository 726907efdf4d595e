// SPDX-License-Identifier: Apache-2.0
// Cost of the kernel programs. Label: program. Run time is counted only while the kernel's statistics are on.
import type { ProgramStats } from '../kernel/kernel.js'
import type { Collector, Family } from './text.js'

export class ProgramsCollector implements Collector {
  readonly name = 'programs'
  readonly #programs: () => readonly ProgramStats[]
  constructor(programs: () => readonly ProgramStats[]) {
    this.#programs = programs
  }
  collect(): Family[] {
    const programs = this.#programs()
    const each = (value: (program: ProgramStats) => number | bigint) =>
      programs.map((program) => ({ labels: { program: program.name }, value: value(program) }))
    return [
      {
        name: 'flowident_program_run_seconds_total',
        type: 'counter',
        help: 'Time spent in a kernel program, by the kernel’s own count.',
        samples: each(({ runNs }) => Number(runNs) / 1e9),
      },
      {
        name: 'flowident_program_runs_total',
        type: 'counter',
        help: 'Runs of a kernel program, by the kernel’s own count.',
        samples: each(({ runCount }) => runCount),
      },
      {
        name: 'flowident_program_memory_bytes',
        type: 'gauge',
        help: 'Kernel memory of a loaded program.',
        samples: each(({ memlock }) => memlock),
      },
    ]
  }
}
