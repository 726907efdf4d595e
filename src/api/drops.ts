// SPDX-License-Identifier: Apache-2.0
// A sampled drop as the API tells it: the packet, and the flow that it belongs to, if there is one, with service and evidence.
import { addressBytes } from '../flows/address.js'
import type { FlowJson } from '../flows/json.js'
import { transports } from '../rules/values.js'
import type { SeenDrop } from '../rules/control.js'
import type { Catalog } from '../services/catalog.js'

/** Views and directions of one pair of endpoints. */
const TWINS = 8

export type DropJson = Readonly<Record<string, unknown>>

/** Slot of the packet's flow; one whose service is known before others. */
export function slotOf(catalog: Catalog, drop: SeenDrop): number | undefined {
  const [a, b] = [addressBytes(drop.sourceAddress), addressBytes(drop.destinationAddress)]
  if (a === undefined || b === undefined) return undefined
  const l4 = transports[drop.transport] ?? Number(drop.transport)
  const ends = [
    { bytes: a, port: drop.sourcePort },
    { bytes: b, port: drop.destinationPort },
  ] as const
  const slots = catalog.table.byTuple(l4, ends[0], ends[1], TWINS)
  return slots.find((slot) => catalog.service(slot) !== undefined) ?? slots[0]
}

export const packetJson = (catalog: Catalog, drop: SeenDrop): DropJson => ({
  rule: drop.ruleName,
  action: drop.action,
  audit: drop.audit,
  'network.transport': drop.transport,
  'source.address': drop.sourceAddress,
  'source.port': drop.sourcePort,
  'destination.address': drop.destinationAddress,
  'destination.port': drop.destinationPort,
  'network.interface.name': catalog.interfaceName(drop.ifindex) ?? null,
  bytes: drop.length,
  'flowident.layers': drop.layers,
})

export const flowOfDrop = (catalog: Catalog, drop: SeenDrop): FlowJson | null => {
  const slot = slotOf(catalog, drop)
  return slot === undefined ? null : catalog.json(slot)
}
