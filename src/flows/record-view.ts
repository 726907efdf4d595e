// SPDX-License-Identifier: Apache-2.0
// One flow record (struct fi_record), read in place.
import { addressText } from './address.js'
import { FLAG, OWNER, RECORD, SIDE, VERDICT } from './layout.js'
import { CONFIDENCES, type ConfidenceName, type RoleName, roleName, STATES, type StateName } from './names.js'
import { type OwnerRecord, readOwner } from './owner-record.js'

/** One end of a flow's tuple. */
export type End = 0 | 1

/** Reads one flow record in place: move it with `set`, then ask. Values are only valid until it is moved. */
export class RecordView {
  data: DataView
  at = 0

  constructor(data?: DataView, at = 0) {
    this.data = data ?? new DataView(new ArrayBuffer(RECORD.size))
    this.at = at
  }
  set(data: DataView, at: number): this {
    this.data = data
    this.at = at
    return this
  }

  #u8(offset: number): number {
    return this.data.getUint8(this.at + offset)
  }
  #u16(offset: number): number {
    return this.data.getUint16(this.at + offset, true)
  }
  #u32(offset: number): number {
    return this.data.getUint32(this.at + offset, true)
  }
  /** Exact below 2^53, rounded above: for times and sorting, not for counters. */
  #u64(offset: number): number {
    return this.#u32(offset + 4) * 0x1_0000_0000 + this.#u32(offset)
  }
  /** A JSON number while exact, else the decimal digits. */
  #exact(offset: number): number | string {
    const near = this.#u64(offset)
    return near <= Number.MAX_SAFE_INTEGER ? near : this.data.getBigUint64(this.at + offset, true).toString()
  }

  get type(): number {
    return this.#u16(RECORD.type)
  }
  get idLow(): number {
    return this.#u32(RECORD.id)
  }
  get idHigh(): number {
    return this.#u32(RECORD.id + 4)
  }
  get nowNs(): number {
    return this.#u64(RECORD.now)
  }
  get firstNs(): number {
    return this.#u64(RECORD.first)
  }
  get lastNs(): number {
    return this.#u64(RECORD.last)
  }
  get view(): number {
    return this.#u8(RECORD.view)
  }
  get role(): RoleName | null {
    return roleName(this.#u8(RECORD.role))
  }
  get l4(): number {
    return this.#u8(RECORD.l4)
  }
  /** 4 or 6. */
  get net(): number {
    return this.#u8(RECORD.net)
  }
  get zone(): number {
    return this.#u32(RECORD.zone)
  }
  get ifindex(): number {
    return this.#u32(RECORD.ifindex)
  }
  get tunnel(): number {
    return this.#u32(RECORD.tunnel)
  }
  get vlan(): number {
    return this.#u16(RECORD.vlan)
  }
  get stateNumber(): number {
    return this.#u8(RECORD.state)
  }
  get state(): StateName {
    return STATES[this.stateNumber] ?? 'done'
  }
  get flags(): number {
    return this.#u8(RECORD.flags)
  }
  /** Tuple end that opened the flow. */
  get source(): End {
    return this.flags & FLAG.flip ? 1 : 0
  }
  get destination(): End {
    return this.flags & FLAG.flip ? 0 : 1
  }
  port(end: End): number {
    return this.data.getUint16(this.at + RECORD.port[end], false)
  }
  address(end: End): string {
    return addressText(this.data, this.at + RECORD.addr[end], this.net)
  }
  /** Where the 16 address bytes of an end begin in `data`. */
  addressAt(end: End): number {
    return this.at + RECORD.addr[end]
  }
  packets(end: End): number | string {
    return this.#exact(RECORD.side[end] + SIDE.packets)
  }
  bytes(end: End): number | string {
    return this.#exact(RECORD.side[end] + SIDE.bytes)
  }
  /** Near enough for sorting and for comparisons in queries. */
  bytesNear(end: End): number {
    return this.#u64(RECORD.side[end] + SIDE.bytes)
  }
  packetsNear(end: End): number {
    return this.#u64(RECORD.side[end] + SIDE.packets)
  }
  payloadPackets(end: End): number {
    return this.#u16(RECORD.side[end] + SIDE.payloadPackets)
  }
  /** Wire view: that end's packets come in by the interface. */
  ingress(end: End): boolean {
    return this.#u8(RECORD.side[end] + SIDE.ingress) !== 0
  }
  /** Best protocol by that end's bytes alone; 0 = none. */
  best(end: End): number {
    return this.#u16(RECORD.side[end] + SIDE.best)
  }
  grade(end: End): number {
    return this.#u8(RECORD.side[end] + SIDE.grade)
  }
  sideSignature(end: End): number {
    return this.#u8(RECORD.side[end] + SIDE.sig)
  }
  sideOffset(end: End): number {
    return this.#u16(RECORD.side[end] + SIDE.offset)
  }
  sidePacket(end: End): number {
    return this.#u16(RECORD.side[end] + SIDE.packet)
  }
  sideFlags(end: End): number {
    return this.#u8(RECORD.side[end] + SIDE.flags)
  }
  get depth(): number {
    return Math.min(this.#u8(RECORD.verdict + VERDICT.depth), VERDICT.layers)
  }
  /** Protocol id of a layer, outermost is 0. */
  layer(index: number): number {
    return index < VERDICT.layers ? this.#u16(RECORD.verdict + VERDICT.layer + 2 * index) : 0
  }
  /** Protocol id of the layer that names the flow; 0 = unknown. */
  get protocol(): number {
    return this.depth ? this.layer(Math.min(this.#u8(RECORD.verdict + VERDICT.named), this.depth - 1)) : 0
  }
  /** Protocol id of the innermost layer: the one that the evidence is for. */
  get top(): number {
    return this.depth ? this.layer(this.depth - 1) : 0
  }
  get confidence(): ConfidenceName {
    return (this.depth ? CONFIDENCES[this.#u8(RECORD.verdict + VERDICT.confidence)] : undefined) ?? 'unknown'
  }
  get signature(): number {
    return this.#u8(RECORD.verdict + VERDICT.sig)
  }
  get evidenceEnd(): End {
    return this.#u8(RECORD.verdict + VERDICT.end) ? 1 : 0
  }
  get evidenceOffset(): number {
    return this.#u16(RECORD.verdict + VERDICT.offset)
  }
  get evidencePacket(): number {
    return this.#u16(RECORD.verdict + VERDICT.packet)
  }
  get conflicts(): number {
    return this.#u8(RECORD.verdict + VERDICT.conflicts)
  }
  get revisions(): number {
    return this.#u8(RECORD.verdict + VERDICT.revisions)
  }
  get owned(): boolean {
    return this.#u8(RECORD.owner + OWNER.how) !== 0
  }
  owner(): OwnerRecord {
    return readOwner(this.data, this.at + RECORD.owner)
  }
}
