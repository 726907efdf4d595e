// SPDX-License-Identifier: Apache-2.0
// What kernel.aggregates() gives: struct fi_agg_key and struct fi_agg, summed over CPUs.
import { AGGREGATE } from './layout.js'

/** One aggregate of the kernel, moved like RecordView. */
export class AggregateView {
  data: DataView
  at = 0
  constructor(buffer: ArrayBufferLike) {
    this.data = new DataView(buffer)
  }
  get count(): number {
    return Math.floor(this.data.byteLength / AGGREGATE.size)
  }
  move(index: number): this {
    this.at = index * AGGREGATE.size
    return this
  }
  get cgroup(): bigint {
    return this.data.getBigUint64(this.at + AGGREGATE.cgroup, true)
  }
  get exeIno(): bigint {
    return this.data.getBigUint64(this.at + AGGREGATE.exeIno, true)
  }
  get exeDev(): number {
    return this.data.getUint32(this.at + AGGREGATE.exeDev, true)
  }
  get uid(): number {
    return this.data.getUint32(this.at + AGGREGATE.uid, true)
  }
  get ifindex(): number {
    return this.data.getUint32(this.at + AGGREGATE.ifindex, true)
  }
  get protocol(): number {
    return this.data.getUint16(this.at + AGGREGATE.protocol, true)
  }
  get l4(): number {
    return this.data.getUint8(this.at + AGGREGATE.l4)
  }
  get role(): number {
    return this.data.getUint8(this.at + AGGREGATE.role)
  }
  get view(): number {
    return this.data.getUint8(this.at + AGGREGATE.view)
  }
  value(index: number): bigint {
    return this.data.getBigUint64(this.at + AGGREGATE.values + 8 * index, true)
  }
  low(index: number): number {
    return this.data.getUint32(this.at + AGGREGATE.values + 8 * index, true)
  }
  high(index: number): number {
    return this.data.getUint32(this.at + AGGREGATE.values + 8 * index + 4, true)
  }
}
