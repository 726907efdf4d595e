// SPDX-License-Identifier: Apache-2.0
// The addon's TLS label function in the form that src/deep/quic.ts takes.
import { readLabels } from '../flows/packed-labels.js'
import { protocolByName } from '../gen/protocols.js'
import type { Addon } from '../kernel/kernel.js'
import type { ReadTls } from './quic.js'

const CLIENT = 1
const TCP = 6

export const tlsReader = (addon: Pick<Addon, 'labels'>): ReadTls => {
  const tls = protocolByName('tls')?.id ?? 0
  return (records, last) => {
    const { complete, bytes } = addon.labels(tls, records, { who: CLIENT, l4: TCP, last })
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return { complete, labels: readLabels(view, 0, bytes.byteLength) }
  }
}
