// SPDX-License-Identifier: Apache-2.0
// Redis (RESP2, RESP3, inline commands, replication) and memcached (text, meta, binary).
import { memcached, redis } from '../../lib/servers/data.js'
import type { Expect, Scene, Stage } from '../scene.js'

const resp = (port: number): Scene => ({
  name: `redis-${port}`,
  about: 'RESP2, RESP3, inline, pipeline, transaction, publish and subscribe, an error, a replica',
  async run(s: Stage) {
    await s.keep(redis(s.serverNs, s.dir, port))
    const cli = ['redis-cli', '-h', s.server.v4, '-p', String(port)]
    await s.ask([...cli, 'SET', 'greeting', 'hello'])
    await s.ask([...cli, '-3', 'HGETALL', 'nothing'])
    await s.say(port, 'MULTI\r\nINCR n\r\nINCR n\r\nEXEC\r\n')
    await s.ask([...cli, '--pipe'], { input: 'SET a 1\r\nSET b 2\r\nGET a\r\n' })
    await s.say(port, 'PING\r\nSET k v\r\nGET k\r\nQUIT\r\n')
    await s.say(port, '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n')
    await s.ask([...cli, 'NOSUCH', 'x'], { codes: [0, 1] })
    await s.ask(['sh', '-c', `timeout 1 ${cli.join(' ')} SUBSCRIBE news & sleep 0.4; ${cli.join(' ')} PUBLISH news extra; wait; true`])
    const replica = await redis(s.pair.client.name, s.dir, 7777, [
      '--replicaof',
      s.server.v4,
      String(port),
      '--repl-diskless-sync-delay',
      '0',
    ])
    await new Promise((resolve) => setTimeout(resolve, 1800))
    await replica.stop()
    const one: Expect = { port, protocol: 'redis' }
    return [
      { ...one, labels: { 'db.operation.name': 'SET' } },
      { ...one, times: 9 },
    ]
  },
})

const text = (port: number): Scene => ({
  name: `memcached-${port}`,
  about: 'text commands, meta commands, binary protocol, over TCP and UDP',
  async run(s: Stage) {
    await s.keep(memcached(s.serverNs, port, port))
    await s.say(port, 'set key 0 60 5\r\nhello\r\nget key\r\nget none\r\nincr key 1\r\nquit\r\n')
    await s.say(port, 'version\r\nstats\r\n')
    await s.say(port, 'ms key 5 T60\r\nworld\r\nmg key v t\r\nmn\r\n')
    const binary = (opcode: number, key: string): Buffer => {
      const head = Buffer.alloc(24)
      head.writeUInt8(0x80, 0)
      head.writeUInt8(opcode, 1)
      head.writeUInt16BE(key.length, 2)
      head.writeUInt32BE(key.length, 8)
      head.writeUInt32BE(0xcafe, 12)
      return Buffer.concat([head, Buffer.from(key)])
    }
    await s.say(port, Buffer.concat([binary(0x0b, ''), binary(0x00, 'key'), binary(0x0a, '')]))
    const frame = Buffer.concat([Buffer.from([0, 7, 0, 0, 0, 1, 0, 0]), Buffer.from('get key\r\n')])
    await s.ask(['nc', '-u', '-w', '1', s.server.v4, String(port)], { input: frame })
    return [
      { port, protocol: 'memcached', times: 4 },
      { port, protocol: 'memcached', transport: 'udp' },
    ]
  },
})

export const REDIS: readonly Scene[] = [resp(6379), resp(443), text(11211), text(3000)]
