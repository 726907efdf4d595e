// SPDX-License-Identifier: Apache-2.0
// What real networks do to a recording: joined in the middle, one direction only, lost, repeated and reordered
// segments. Recorded as the others are, then packets are taken out, doubled or moved.
import { redis } from '../../lib/servers/data.js'
import { sshd } from '../../lib/servers/system.js'
import { nginx } from '../../lib/servers/web.js'
import type { Frame } from '../../lib/pcap.js'
import type { Expect, Scene, Stage } from '../scene.js'

const EXPECT: readonly Expect[] = [
  { port: 8080, protocol: 'http1' },
  { port: 8443, protocol: 'tls' },
  { port: 2200, protocol: 'ssh' },
  { port: 7000, protocol: 'redis' },
]
const PORTS = new Set(EXPECT.map((e) => e.port))

/** TCP over IPv4 over Ethernet, which is all that these recordings hold. */
function tcp(f: Frame): { flags: number; payload: number; fromServer: boolean } | undefined {
  if (f.data.readUInt16BE(12) !== 0x0800 || f.data.readUInt8(23) !== 6) return undefined
  const at = 14 + (f.data.readUInt8(14) & 15) * 4
  const payload = f.data.readUInt16BE(16) - (at - 14) - (f.data.readUInt8(at + 12) >> 4) * 4
  return { flags: f.data.readUInt8(at + 13), payload, fromServer: PORTS.has(f.data.readUInt16BE(at)) }
}

async function run(s: Stage): Promise<Expect[]> {
  await s.keep(nginx(s.serverNs, s.dir, [{ port: 8080 }, { port: 8443, options: 'ssl' }], await s.keys()))
  const shell = await sshd(s.serverNs, s.dir, 2200)
  await s.keep(shell.proc)
  await s.keep(redis(s.serverNs, s.dir, 7000))
  const at = s.server.v4
  await s.ask(['curl', '-s', `http://${at}:8080/a`, `http://${at}:8080/b`])
  await s.ask(['curl', '-sk', `https://${at}:8443/`])
  await s.ask(['ssh-keyscan', '-t', 'ed25519', '-p', '2200', at])
  await s.ask(['redis-cli', '-h', at, '-p', '7000', 'SET', 'a', 'b'])
  return [...EXPECT]
}

const shape = (name: string, about: string, edit: (frames: Frame[]) => Frame[]): Scene => ({ name: `shape-${name}`, about, run, edit })

export const SHAPES: readonly Scene[] = [
  shape('no-handshake', 'no SYN: joined after the connection was made', (frames) => frames.filter((f) => ((tcp(f)?.flags ?? 2) & 2) === 0)),
  shape('client-only', 'only what the client sent', (frames) => frames.filter((f) => tcp(f)?.fromServer === false)),
  {
    ...shape('server-only', 'only what the server sent', (frames) => frames.filter((f) => tcp(f)?.fromServer === true)),
    // "+OK" alone is also POP3's and others': unknown is the honest answer
    run: async (s) => (await run(s)).map((e) => (e.port === 7000 ? { ...e, protocol: 'unknown' } : e)),
  },
  shape('repeated', 'every segment with payload twice', (frames) => frames.flatMap((f) => ((tcp(f)?.payload ?? 0) > 0 ? [f, f] : [f]))),
  shape('reordered', 'every second segment with payload comes after the next packet', (frames) => {
    const out = [...frames]
    let n = 0
    for (let i = 0; i + 1 < out.length; i++) {
      if ((tcp(out[i] as Frame)?.payload ?? 0) === 0 || n++ % 2 === 0) continue
      const [a, b] = [out[i] as Frame, out[i + 1] as Frame]
      out[i] = { ...b, time: a.time }
      out[i + 1] = { ...a, time: b.time }
      i++
    }
    return out
  }),
]
