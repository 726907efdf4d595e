// SPDX-License-Identifier: Apache-2.0
// Cost of a packet in the socket view while real connected UDP sockets exchange datagrams over loopback: run time of the
// programs as the kernel counts it, with few and with many sockets open. Prints Markdown.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { loadAddon } from '../../src/kernel/native-kernel.js'
import { cgroupRoot } from '../lib/cgroup.js'

const addon = loadAddon()
const kernel = await addon.openKernel({ stats: true, without: ['fi_xdp', 'fi_tc_ingress', 'fi_tc_egress', 'fi_filter'] })
await kernel.attachHost({ cgroup: cgroupRoot() })
kernel.startRing(() => {})

const run = (name: string): { count: number; ns: number } => {
  const p = kernel.programs().find((each) => each.name === name)
  return { count: Number(p?.runCount ?? 0n), ns: Number(p?.runNs ?? 0n) }
}

/** Opens n client sockets connected to one server each sends to in turn; gives ns a run of each program once flows are decided. */
async function measure(n: number, packets: number): Promise<[number, number]> {
  const server = createSocket('udp4')
  server.bind(0, '127.0.0.1')
  await once(server, 'listening')
  const clients: Socket[] = []
  for (let i = 0; i < n; i++) {
    const c = createSocket('udp4')
    c.connect(server.address().port, '127.0.0.1')
    await once(c, 'connect')
    clients.push(c)
  }
  const send = (c: Socket): Promise<void> => new Promise((done) => c.send(Buffer.alloc(64, 1), () => done()))
  // past the budget of windows and packets: from here on flows are only counted
  for (let k = 0; k < 70; k++) for (const c of clients) await send(c)
  const before = run('fi_cgroup_egress')
  for (let sent = 0; sent < packets; ) for (const c of clients) if (sent++ < packets) await send(c)
  const after = run('fi_cgroup_egress')
  for (const c of clients) c.close()
  server.close()
  return [n, Math.round((after.ns - before.ns) / (after.count - before.count))]
}

console.log('| open sockets | fi_cgroup_egress, ns a packet |\n| --- | --- |')
for (const [n, packets] of [
  [1, 20_000],
  [1000, 20_000],
  [5000, 20_000],
] as const)
  console.log(`| ${(await measure(n, packets)).join(' | ')} |`)
kernel.close()
