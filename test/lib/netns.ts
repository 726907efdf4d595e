// SPDX-License-Identifier: Apache-2.0
// Network namespaces with unique names, joined by veth pairs. All traffic of the tests stays inside them.
import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { note, remove } from './registry.js'

let serial = 0

export class Netns {
  readonly name: string

  constructor(label: string) {
    serial++
    this.name = `fit-${process.pid}-${serial}-${label}`
    note('netns', this.name)
    ip('netns', 'add', this.name)
    this.sysctl('net.ipv6.conf.all.accept_dad', 0)
    this.sysctl('net.ipv6.conf.default.accept_dad', 0)
    this.sysctl('net.ipv6.conf.default.router_solicitations', 0)
    this.sysctl('net.ipv4.ip_unprivileged_port_start', 0) // odd ports for servers that refuse root
    this.ip('link', 'set', 'lo', 'up')
  }

  /** Number of the namespace, as in /proc/PID/ns/net. */
  get inode(): number {
    return statSync(`/run/netns/${this.name}`).ino
  }

  ip(...args: string[]): string {
    return ip('-n', this.name, ...args)
  }

  /** Runs a short command inside and returns its output. */
  exec(...argv: string[]): string {
    return execFileSync('nsenter', [`--net=/run/netns/${this.name}`, '--', ...argv], { encoding: 'utf8' })
  }

  sysctl(key: string, value: number | string): void {
    this.exec('sysctl', '-qw', `${key}=${value}`)
  }

  /** Adds addresses (with prefix length) and brings the interface up. */
  up(device: string, ...addresses: string[]): void {
    for (const address of addresses) {
      const extra = address.includes(':') ? ['nodad'] : []
      this.ip('address', 'add', address, 'dev', device, ...extra)
    }
    this.ip('link', 'set', device, 'up')
  }

  /** Segment sizes on the wire as on a real network: no TSO, GSO or GRO, which would merge packets. */
  plainOffloads(device: string): void {
    this.exec('ethtool', '-K', device, 'tso', 'off', 'gso', 'off', 'gro', 'off')
  }

  ifindex(device: string): number {
    const [link] = JSON.parse(this.ip('-j', 'link', 'show', 'dev', device)) as { ifindex: number }[]
    if (link === undefined) throw new Error(`${this.name} has no ${device}`)
    return link.ifindex
  }

  [Symbol.dispose](): void {
    remove('netns', this.name)
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

export interface Joint {
  ns: Netns
  device: string
  addresses: readonly string[]
}

/** Joins two namespaces by a veth pair. */
export function join(a: Joint, b: Joint, options: { mtu?: number; offloads?: boolean } = {}): void {
  a.ns.ip('link', 'add', a.device, 'type', 'veth', 'peer', 'name', b.device, 'netns', b.ns.name)
  for (const { ns, device, addresses } of [a, b]) {
    if (options.mtu !== undefined) ns.ip('link', 'set', device, 'mtu', String(options.mtu))
    if (options.offloads !== true) ns.plainOffloads(device)
    ns.up(device, ...addresses)
  }
}

/** Addresses of the usual pair: a server and a client, joined by e0 on both sides. */
export const SERVER = { v4: '10.77.0.1', v6: 'fd77::1' } as const
export const CLIENT = { v4: '10.77.0.2', v6: 'fd77::2' } as const

/** A server and a client namespace joined by a veth pair. */
export class Pair {
  readonly server: Netns
  readonly client: Netns

  constructor(options: { mtu?: number; offloads?: boolean } = {}) {
    this.server = new Netns('s')
    this.client = new Netns('c')
    // IPv6 wants an MTU of 1280 at least.
    const both = (a: { v4: string; v6: string }): string[] => ((options.mtu ?? 1500) < 1280 ? [`${a.v4}/24`] : [`${a.v4}/24`, `${a.v6}/64`])
    join({ ns: this.server, device: 'e0', addresses: both(SERVER) }, { ns: this.client, device: 'e0', addresses: both(CLIENT) }, options)
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]()
    this.server[Symbol.dispose]()
  }
}

/** Why tests that need namespaces cannot run here, or undefined when they can. */
export function unavailable(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root (network namespaces)'
  for (const tool of ['ip', 'nsenter', 'setpriv', 'ethtool', 'tcpdump']) {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' })
    } catch {
      return `needs the command ${tool}`
    }
  }
  return undefined
}
