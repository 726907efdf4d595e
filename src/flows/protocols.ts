// SPDX-License-Identifier: Apache-2.0
// Names of protocol ids: those of this build, and those that signature packs gave to theirs. One table for the process, since an id
// means the same in every record that it reads.
import { PROTOCOLS, protocolById, protocolByName } from '../gen/protocols.js'

let packs: ReadonlyMap<number, string> = new Map()

/** Takes up the names of packs, by id, in place of those before. */
export const namePacks = (names: ReadonlyMap<number, string>): void => {
  packs = names
}

/** Names an id even when its protocol is newer than this table. */
export const protocolName = (id: number): string => (id === 0 ? 'unknown' : (protocolById(id)?.name ?? packs.get(id) ?? `protocol-${id}`))

export const protocolId = (name: string): number | undefined => {
  const built = protocolByName(name)?.id
  if (built !== undefined) return built
  for (const [id, pack] of packs) if (pack === name) return id
  return undefined
}

export const protocolNames = (): string[] => [...PROTOCOLS.map(({ name }) => name), ...packs.values()]
