// SPDX-License-Identifier: Apache-2.0
// Multicast name lookups with real sockets: `multicast.ts answer mdns|llmnr` joins the group and answers,
// `multicast.ts ask mdns|llmnr 4|6 NAME TYPE` asks and waits for the answer.
import * as dgram from 'node:dgram'

const GROUPS = {
  mdns: { port: 5353, v4: '224.0.0.251', v6: 'ff02::fb' },
  llmnr: { port: 5355, v4: '224.0.0.252', v6: 'ff02::1:3' },
} as const
const TYPES: Readonly<Record<string, number>> = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33 }
const DEVICE = 'e0'

function name(text: string): Buffer {
  const parts = text.split('.').filter(Boolean)
  return Buffer.concat([...parts.map((p) => Buffer.concat([Buffer.from([p.length]), Buffer.from(p)])), Buffer.from([0])])
}

function head(id: number, flags: number, questions: number, answers: number): Buffer {
  const out = Buffer.alloc(12)
  for (const [i, value] of [id, flags, questions, answers].entries()) out.writeUInt16BE(value, i * 2)
  return out
}

function answerTo(query: Buffer, mdns: boolean): Buffer {
  const end = query.indexOf(0, 12) + 1
  const asked = query.subarray(12, end)
  const type = query.readUInt16BE(end)
  const data = type === 28 ? Buffer.alloc(16, 0xfd) : type === 1 ? Buffer.from([10, 77, 0, 1]) : name('host.local')
  const fixed = Buffer.alloc(10)
  fixed.writeUInt16BE(type, 0)
  fixed.writeUInt16BE(mdns ? 0x8001 : 1, 2)
  fixed.writeUInt32BE(120, 4)
  fixed.writeUInt16BE(data.length, 8)
  if (mdns) return Buffer.concat([head(0, 0x8400, 0, 1), asked, fixed, data])
  return Buffer.concat([head(query.readUInt16BE(0), 0x8000, 1, 1), query.subarray(12, end + 4), asked, fixed, data])
}

const [, , verb, kind, family, asked, type] = process.argv
const group = GROUPS[kind as keyof typeof GROUPS]
const mdns = kind === 'mdns'
if (verb === 'answer') {
  for (const v of ['udp4', 'udp6'] as const) {
    const socket = dgram.createSocket({ type: v, reuseAddr: true, ipv6Only: v === 'udp6' })
    socket.on('message', (data, from) => {
      if ((data.readUInt16BE(2) & 0x8000) !== 0) return
      // mDNS answers go to the group, LLMNR answers to whoever asked (RFC 6762, RFC 4795).
      const to = v === 'udp6' ? `${group.v6}%${DEVICE}` : group.v4
      if (mdns) socket.send(answerTo(data, true), group.port, to)
      else socket.send(answerTo(data, false), from.port, from.address)
    })
    socket.bind(group.port, v === 'udp6' ? '::' : '0.0.0.0', () => {
      if (v === 'udp6') {
        socket.addMembership(group.v6, `::%${DEVICE}`)
        socket.setMulticastInterface(`::%${DEVICE}`)
      } else {
        socket.addMembership(group.v4, '10.77.0.1')
        socket.setMulticastInterface('10.77.0.1')
      }
    })
  }
} else {
  const v6 = family === '6'
  const socket = dgram.createSocket({ type: v6 ? 'udp6' : 'udp4', reuseAddr: true })
  const done = new Promise((resolve) => socket.on('message', (m) => (m.readUInt16BE(2) & 0x8000) !== 0 && resolve(m)))
  await new Promise<void>((resolve) => socket.bind(mdns ? group.port : 0, resolve))
  if (v6) {
    socket.setMulticastInterface(`::%${DEVICE}`)
    if (mdns) socket.addMembership(group.v6, `::%${DEVICE}`)
  } else {
    socket.setMulticastInterface('10.77.0.2')
    if (mdns) socket.addMembership(group.v4, '10.77.0.2')
  }
  const query = Buffer.concat([
    head(mdns ? 0 : 0x4711, 0, 1, 0),
    name(asked as string),
    Buffer.from([0, TYPES[type as string] as number, 0, 1]),
  ])
  socket.send(query, group.port, v6 ? `${group.v6}%${DEVICE}` : group.v4)
  const late = setTimeout(() => {
    console.error('no answer')
    process.exit(1)
  }, 3000)
  await done
  clearTimeout(late)
  socket.close()
}
