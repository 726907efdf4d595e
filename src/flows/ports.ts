// SPDX-License-Identifier: Apache-2.0
// What the port numbers alone would suggest: a hint that is shown beside the verdict, never proof.
import { PROTOCOLS } from '../gen/protocols.js'

const hints = new Map<string, string>()
// PROTOCOLS is in order of rank: where two protocols share a port, the one that is asked first is named.
for (const protocol of PROTOCOLS)
  for (const transport of protocol.transports)
    for (const port of protocol.ports) {
      const key = `${transport}/${port}`
      if (!hints.has(key)) hints.set(key, protocol.name)
    }

export const portHint = (transport: string, port: number): string | null => hints.get(`${transport}/${port}`) ?? null
