// SPDX-License-Identifier: Apache-2.0
// What contracts would have said of the flows of late: of those of local server sockets whose protocol is known or given up.
import { flowLayers } from '../flows/json.js'
import { RecordView } from '../flows/record-view.js'
import { viewName } from '../flows/names.js'
import { STATE } from '../gen/abi.js'
import type { Catalog } from '../services/catalog.js'
import type { Contract } from './contract.js'

/** The first contract that is about the flow in this slot. */
export function contractOf(contracts: readonly Contract[], catalog: Catalog, slot: number): Contract | undefined {
  const [service, owner] = [catalog.service(slot), catalog.owner(slot)]
  const names = [service?.name, service?.id, owner?.unit].filter((name) => name !== undefined)
  return contracts.find((contract) => names.includes(contract.service))
}

/** Something is to be judged: a server said or was told something, and what that is will not change much any more. */
export const isJudgeable = (view: RecordView): boolean =>
  view.role === 'server' &&
  (view.stateNumber >= STATE.DONE || view.confidence === 'confirmed') &&
  view.payloadPackets(0) + view.payloadPackets(1) > 0

export interface Broken {
  readonly slot: number
  readonly contract: Contract
  readonly layers: readonly string[]
}

/** Flows since `sinceNs` that break a contract, the newest first. */
export function* brokenContracts(contracts: readonly Contract[], catalog: Catalog, sinceNs: number): Generator<Broken> {
  const { table } = catalog
  const view = new RecordView()
  for (let slot = contracts.length === 0 ? -1 : table.end - 1; slot >= 0; slot--) {
    if (!table.present(slot)) continue
    table.view(slot, view)
    if (view.lastNs < sinceNs || viewName(view.view) !== 'socket' || !view.owned || !isJudgeable(view)) continue
    const { protocol } = view
    const contract = contractOf(contracts, catalog, slot)
    if (contract && !contract.speaks.includes(protocol)) yield { slot, contract, layers: flowLayers(table.view(slot, view)) }
  }
}
