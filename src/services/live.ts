// SPDX-License-Identifier: Apache-2.0
// What the ring buffer tells, to whom it matters.
import {
  type CgroupRecord,
  type DropRecord,
  type ExecRecord,
  type ListenRecord,
  readBatch,
  type RecordHandler,
  type SampleRecord,
} from '../flows/decode.js'
import { TYPE } from '../flows/layout.js'
import { type Labels, type LabelsView, packLabels } from '../flows/packed-labels.js'
import { RecordView } from '../flows/record-view.js'
import type { FlowTable } from '../flows/table.js'
import type { Catalog } from './catalog.js'

/** QuicInitials of src/deep fits. */
export interface QuicReader {
  readonly size: number
  add(flow: bigint, datagram: Uint8Array): Labels | undefined
  end(flow: bigint): Labels | undefined
}

export interface OwnerEvents {
  onExec(record: ExecRecord): void
  onCgroup(record: CgroupRecord): void
}

export interface DropEvents {
  onDrop(record: DropRecord): void
}

export class Live implements RecordHandler {
  readonly #table: FlowTable
  readonly #catalog: Catalog
  readonly #owners: OwnerEvents
  readonly #quic: QuicReader | undefined
  readonly #drops: DropEvents
  readonly #view = new RecordView()

  constructor(table: FlowTable, catalog: Catalog, owners: OwnerEvents, quic: QuicReader | undefined, drops: DropEvents) {
    this.#table = table
    this.#catalog = catalog
    this.#owners = owners
    this.#quic = quic
    this.#drops = drops
  }

  /** For kernel.startRing: one call a batch. */
  readonly onBatch = (buffer: ArrayBuffer, bytes: number): void => {
    readBatch(buffer, 0, bytes, this, this.#view)
  }

  flow(view: RecordView): void {
    // Labels first: what is told of the end should have them.
    if (view.type === TYPE.end && this.#quic && this.#quic.size > 0) {
      const id = (BigInt(view.idHigh) << 32n) | BigInt(view.idLow)
      const labels = this.#quic.end(id)
      if (labels) this.#table.putLabels(view.idHigh, view.idLow, packLabels(labels))
    }
    this.#table.put(view)
  }
  labels(view: LabelsView): void {
    this.#table.putLabels(view.idHigh, view.idLow, view.bytes, view.from, view.to)
  }
  exec(record: ExecRecord): void {
    this.#owners.onExec(record)
  }
  cgroup(record: CgroupRecord): void {
    this.#owners.onCgroup(record)
  }
  drop(record: DropRecord): void {
    this.#drops.onDrop(record)
  }
  listen(record: ListenRecord): void {
    this.#catalog.learn(record.owner)
  }
  /** Only samples that the addon could not read itself come this far: QUIC. */
  sample(record: SampleRecord, view: RecordView): void {
    const labels = record.whole ? this.#quic?.add(record.id, record.data) : undefined
    if (labels) this.#table.putLabels(view.idHigh, view.idLow, packLabels(labels))
  }
}
