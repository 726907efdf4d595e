// SPDX-License-Identifier: Apache-2.0
// MQTT by Mosquitto: versions 3.1, 3.1.1 and 5, and inside TLS.
import { mosquitto } from '../../lib/servers/system.js'
import type { Scene, Stage } from '../scene.js'

const broker = (port: number): Scene => ({
  name: `mqtt-${port}`,
  about: 'publish and subscribe in each version; QoS 0 to 2; a will; inside TLS',
  async run(s: Stage) {
    await s.keep(mosquitto(s.serverNs, s.dir, port))
    await s.keep(mosquitto(s.serverNs, s.dir, port + 1, { keys: await s.keys() }))
    const to = ['-h', s.server.v4, '-p', String(port)]
    for (const [version, qos] of [
      ['31', '0'],
      ['311', '1'],
      ['5', '2'],
    ] as const)
      await s.ask(['mosquitto_pub', ...to, '-V', version, '-q', qos, '-i', `client-${version}`, '-t', 'rooms/1', '-m', 'hello'])
    await s.ask([
      'mosquitto_pub',
      ...to,
      '-V',
      '5',
      '-u',
      'user',
      '-P',
      'pass',
      '--will-topic',
      'gone',
      '--will-payload',
      'x',
      '-t',
      'a/b',
      '-m',
      'y',
      '-r',
    ])
    await s.ask(['mosquitto_sub', ...to, '-V', '5', '-t', 'a/#', '-C', '1', '-W', '3'])
    const keys = await s.keys()
    await s.ask(['mosquitto_pub', '-h', s.server.v4, '-p', String(port + 1), '--cafile', keys.cert, '--insecure', '-t', 'a', '-m', 'b'])
    return [
      { port, protocol: 'mqtt', times: 5 },
      { port: port + 1, protocol: 'tls' },
    ]
  },
})

export const MQ: readonly Scene[] = [broker(1883), broker(9200)]
