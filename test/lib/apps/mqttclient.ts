// SPDX-License-Identifier: Apache-2.0
// One MQTT message over WebSocket, published and received: `mqttclient.ts URL`.
import { WebSocket } from 'ws'

const string = (text: string): Buffer => Buffer.concat([Buffer.from([0, text.length]), Buffer.from(text)])
const packet = (type: number, ...parts: Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([type, body.length]), body])
}

const socket = new WebSocket(process.argv[2] as string, 'mqtt')
await new Promise((resolve, reject) => {
  socket.on('open', resolve)
  socket.on('error', reject)
})
const next = (): Promise<void> => new Promise((resolve) => socket.once('message', () => resolve()))
const send = async (data: Buffer): Promise<void> => {
  const answer = next()
  socket.send(data)
  await answer
}
await send(packet(0x10, string('MQTT'), Buffer.from([4, 2, 0, 60]), string('web-client')))
await send(packet(0x82, Buffer.from([0, 1]), string('news'), Buffer.from([0])))
await send(packet(0x30, string('news'), Buffer.from('hello')))
socket.send(packet(0xe0))
socket.close()
