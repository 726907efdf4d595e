// SPDX-License-Identifier: Apache-2.0
// Reads test/pcap/truth.tsv: what the flows of the recordings are.
import { readFileSync } from 'node:fs'
import type { End } from './count.js'

export interface TruthRow {
  file: string
  transport: 'tcp' | 'udp'
  /** Who opened it, as address:port; IPv6 in brackets. */
  a: string
  b: string
  protocol: string
  layers: string[]
  labels: Record<string, string>
}

export function place(end: Pick<End, 'address' | 'port'>): string {
  return end.address.includes(':') ? `[${end.address}]:${end.port}` : `${end.address}:${end.port}`
}

export function readTruth(): TruthRow[] {
  const rows = readFileSync(new URL('../pcap/truth.tsv', import.meta.url), 'utf8').split('\n')
  const [, ...data] = rows.filter((row) => row !== '' && !row.startsWith('#'))
  return data.map((row) => {
    const [file, transport, a, b, protocol, layers, labels] = row.split('\t') as [string, string, string, string, string, string, string]
    return {
      file,
      transport: transport as 'tcp' | 'udp',
      a,
      b,
      protocol,
      layers: layers === '' ? [] : layers.split(','),
      labels: JSON.parse(labels),
    }
  })
}
