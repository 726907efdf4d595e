// SPDX-License-Identifier: Apache-2.0
// flowident_build_info. Labels: version, node, libbpf, abi.
import type { Collector, Family } from './text.js'

export interface BuildInfo {
  readonly version: string
  readonly libbpf: string
  readonly abi: number
}

export class BuildCollector implements Collector {
  readonly name = 'build'
  readonly #info: BuildInfo
  constructor(info: BuildInfo) {
    this.#info = info
  }
  collect(): Family[] {
    const { version, libbpf, abi } = this.#info
    return [
      {
        name: 'flowident_build_info',
        type: 'gauge',
        help: 'Versions of what runs; always 1.',
        samples: [{ labels: { version, node: process.versions.node, libbpf, abi: String(abi) }, value: 1 }],
      },
    ]
  }
}
