// SPDX-License-Identifier: Apache-2.0
// Compares what the daemon says of a flow with what the test knows of it. All differences of a flow are told at once.
import type { Flow } from './count.js'
import type { ApiFlow } from './daemon.js'
import { place } from './truth.js'

export interface Known {
  protocol: string
  layers?: readonly string[]
  labels?: Readonly<Record<string, string | RegExp>>
}

export interface KnownOwner {
  exe?: RegExp
  command?: RegExp
  pid?: number
  uid?: number
  netns?: number
  cgroup?: string
}

export const sameTuple = (flow: ApiFlow, truth: Flow): boolean =>
  flow['network.transport'] === truth.transport &&
  flow['source.address'] === truth.source.address &&
  flow['source.port'] === truth.source.port &&
  flow['destination.address'] === truth.destination.address &&
  flow['destination.port'] === truth.destination.port

function differ(out: string[], key: string, have: unknown, want: unknown): void {
  const same = want instanceof RegExp ? typeof have === 'string' && want.test(have) : JSON.stringify(have) === JSON.stringify(want)
  if (!same) out.push(`${key}: ${JSON.stringify(have)}, wanted ${want instanceof RegExp ? want : JSON.stringify(want)}`)
}

export function identity(flow: ApiFlow, known: Known): string[] {
  const out: string[] = []
  differ(out, 'network.protocol.name', flow['network.protocol.name'], known.protocol)
  differ(out, 'flowident.layers', flow['flowident.layers'], known.layers ?? [known.protocol])
  differ(out, 'flowident.confidence', flow['flowident.confidence'], 'confirmed')
  for (const [key, want] of Object.entries(known.labels ?? {})) differ(out, key, flow[key], want)
  return out
}

/** `late` packets of an end, with their bytes, may be missing: the socket was gone when they passed. */
export interface Late {
  source: { packets: number; bytes: number }
  destination: { packets: number; bytes: number }
}

export function counters(flow: ApiFlow, truth: Flow, late?: Late): string[] {
  const out: string[] = []
  for (const side of ['source', 'destination'] as const)
    for (const what of ['packets', 'bytes'] as const) {
      const have = Number(flow[`${side}.${what}`])
      const most = truth[side][what]
      const least = most - (late?.[side][what] ?? 0)
      if (!(have >= least && have <= most)) out.push(`${side}.${what}: ${have}, wanted ${least === most ? most : `${least}..${most}`}`)
    }
  return out
}

export function owner(flow: ApiFlow, known: KnownOwner): string[] {
  const out: string[] = []
  if (known.exe !== undefined) differ(out, 'process.executable.path', flow['process.executable.path'], known.exe)
  if (known.command !== undefined) differ(out, 'process.command_line', flow['process.command_line'], known.command)
  if (known.pid !== undefined) differ(out, 'process.pid', flow['process.pid'], known.pid)
  if (known.uid !== undefined) differ(out, 'process.uid', flow['process.uid'], known.uid)
  if (known.netns !== undefined) differ(out, 'flowident.netns', flow['flowident.netns'], known.netns)
  if (known.cgroup !== undefined) differ(out, 'flowident.cgroup', flow['flowident.cgroup'], known.cgroup)
  return out
}

export const named = (truth: Flow): string => `${truth.transport} ${place(truth.source)} > ${place(truth.destination)}`
