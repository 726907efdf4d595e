// SPDX-License-Identifier: Apache-2.0
// What carries the commands of who administers this host, as packets that rules can be asked about: SSH sessions, and clients of
// the API over TCP.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { addressBytes, addressText } from '../flows/address.js'
import { viewName } from '../flows/names.js'
import { type End, RecordView } from '../flows/record-view.js'
import type { FlowTable } from '../flows/table.js'
import { type Endpoint, isEnd } from '../flows/tuple.js'
import type { ListInterfaces } from '../kernel/interfaces.js'
import { sshSessionSockets } from '../owners/ssh-sessions.js'
import { readTcpSockets } from '../owners/tcp-sockets.js'
import { describedPacket } from './describe.js'
import { packetOfFlow } from './flow-packet.js'
import type { Lifeline } from './guard.js'
import type { Packet } from './packet.js'

const TCP = 6
/** Flows of one connection that are looked at: one for each interface that it crosses. */
const FLOWS = 8
/** Port of a client that is not connected now. */
const SOME_PORT = 50_000

export interface LifelineParts {
  readonly roots: { readonly proc: string; readonly sys: string }
  /** Interfaces on which rules are enforced. */
  readonly watched: ListInterfaces
  /** Addresses of this host, by interface. */
  readonly addresses: () => Readonly<Record<string, readonly { readonly address: string }[] | undefined>>
  readonly table: Pick<FlowTable, 'byTuple' | 'view' | 'isLive'>
  /** Where the API listens on TCP. */
  readonly api: () => readonly { readonly address: string; readonly port: number }[]
}

/** Told from the end that listens. */
interface Connection {
  readonly what: (remote: string) => string
  readonly protocol: 'ssh' | 'http1'
  readonly local: Endpoint
  readonly remote: Endpoint
}

const isV4 = ({ bytes }: Endpoint): boolean => bytes.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff))
const same = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, i) => byte === b[i])
const plain = (end: Endpoint): string => addressText(new DataView(end.bytes.buffer, end.bytes.byteOffset, 16), 0, isV4(end) ? 4 : 6)
const spell = (end: Endpoint): string => (isV4(end) ? `${plain(end)}:${end.port}` : `[${plain(end)}]:${end.port}`)
const isUnspecified = (address: string): boolean => address === '::' || address === '0.0.0.0'

const endOf = (address: string, port: string | number): Endpoint | undefined => {
  const bytes = addressBytes(address.replace(/%.*$/, ''))
  return bytes && /^\d{1,5}$/.test(String(port)) && Number(port) < 65_536 ? { bytes, port: Number(port) } : undefined
}

/** SSH_CONNECTION; undefined when it says nothing that can be used. */
export function sshConnection(text: string): Connection | undefined {
  const [from = '', fromPort = '', to = '', toPort = '', ...more] = text.trim().split(/\s+/)
  const [remote, local] = [endOf(from, fromPort), endOf(to, toPort)]
  return remote && local && more.length === 0
    ? { what: (peer) => `the SSH session from ${peer}, in which the rules are applied`, protocol: 'ssh', local, remote }
    : undefined
}

export class Lifelines {
  readonly #parts: LifelineParts

  constructor(parts: LifelineParts) {
    this.#parts = parts
  }

  /** All that there are now. `session`: SSH_CONNECTION of who asks. */
  async find(session?: string): Promise<Lifeline[]> {
    const { proc } = this.#parts.roots
    const [sockets, inodes] = await Promise.all([readTcpSockets(proc), sshSessionSockets(proc)])
    const own = session === undefined ? undefined : sshConnection(session)
    const all: Connection[] = own ? [own] : []
    for (const { local, remote, inode } of sockets) {
      const isOwn = own && same(local.bytes, own.local.bytes) && same(remote.bytes, own.remote.bytes) && remote.port === own.remote.port
      if (inodes.has(inode) && !isOwn) all.push({ what: (peer) => `the SSH session from ${peer}`, protocol: 'ssh', local, remote })
    }
    const api = (local: Endpoint, remote: Endpoint): Connection => ({
      what: (peer) => `the API at ${spell(local)} for ${peer.replace(/:\d+$/, '')}`,
      protocol: 'http1',
      local,
      remote,
    })
    for (const { address, port } of this.#parts.api()) {
      const here = endOf(isUnspecified(address) ? '127.0.0.1' : address, port)
      // From this host, whether or not somebody asks just now.
      if (here) all.push(api(here, { ...here, port: SOME_PORT }))
      const peers = new Set<string>()
      for (const { local, remote } of sockets) {
        if (local.port !== port || (!isUnspecified(address) && !(here && same(local.bytes, here.bytes)))) continue
        if (peers.has(plain(remote)) || same(local.bytes, remote.bytes)) continue
        peers.add(plain(remote))
        all.push(api(local, remote))
      }
    }
    return all.map((connection) => ({ what: connection.what(spell(connection.remote)), packets: this.#packets(connection) }))
  }

  #packets({ local, remote, protocol }: Connection): Packet[] {
    const ways = this.#interfaces(local, remote)
    const words = (flags: string, more: string): Packet[] =>
      ways.flatMap(({ name, index }) =>
        [
          `tcp ${spell(remote)} > ${spell(local)} in ${name} ${flags} ${more}`,
          `tcp ${spell(local)} > ${spell(remote)} out ${name} ${flags === 'syn' ? 'syn ack' : flags} reply ${more}`,
        ].map((text) => ({ ...describedPacket([text]), ifindex: index })),
      )
    return [...words('syn', ''), ...words('psh ack', ''), ...words('psh ack', `speaks ${protocol}`), ...this.#known(local, remote)]
  }

  /** Packets of the flows as which it is known, with the tags and the protocol that it has there. */
  #known(local: Endpoint, remote: Endpoint): Packet[] {
    const { table, watched } = this.#parts
    const names = new Map(watched().map(({ index, name }) => [index, name]))
    const view = new RecordView()
    return table.byTuple(TCP, local, remote, FLOWS).flatMap((slot) => {
      table.view(slot, view)
      const name = names.get(view.ifindex)
      if (!table.isLive(slot) || viewName(view.view) !== 'wire' || name === undefined) return []
      const here: End = isEnd(view, 0, local) ? 0 : 1
      return ([0, 1] as const).map((end) => ({
        ...packetOfFlow(view, end, end === here ? 'out' : 'in'),
        vlan: view.vlan,
        ifindex: view.ifindex,
        interface: name,
        pending: view.state === 'pending',
      }))
    })
  }

  /** Interfaces that such packets cross: the one that has the address, and those beneath it; `lo` between addresses of this host. */
  #interfaces(local: Endpoint, remote: Endpoint): ReturnType<ListInterfaces> {
    const addresses = Object.entries(this.#parts.addresses())
    const having = ({ bytes }: Endpoint): string[] =>
      addresses.flatMap(([name, list]) =>
        list?.some(({ address }) => {
          const own = addressBytes(address.replace(/%.*$/, ''))
          return own !== undefined && same(own, bytes)
        })
          ? [name]
          : [],
      )
    const found = new Set(having(remote).length > 0 ? ['lo'] : having(local))
    for (const name of found) for (const lower of this.#beneath(name)) found.add(lower)
    return this.#parts.watched().filter(({ name }) => found.has(name))
  }

  /** Of a bridge, a bond or a tagged interface. */
  #beneath(name: string): string[] {
    try {
      return readdirSync(join(this.#parts.roots.sys, 'class/net', name)).flatMap((file) => /^lower_(.+)$/.exec(file)?.[1] ?? [])
    } catch {
      return []
    }
  }
}
