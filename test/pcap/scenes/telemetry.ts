// SPDX-License-Identifier: Apache-2.0
// What exporters send: flow records by softflowd and Open vSwitch, metrics by collectd and statsd, log messages by graypy.
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { Proc } from '../../lib/process.js'
import type { Scene, Stage } from '../scene.js'
import { openSwitch } from './switch.js'

const sink = (port: number): string[] => [
  'python3',
  '-c',
  `import socket\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('0.0.0.0', ${port}))\nwhile True:\n    s.recv(65535)`,
]

const SEEN = fileURLToPath(new URL('../http1-forms.pcap', import.meta.url))
const VERSIONS = [
  { version: '1', port: 2057, protocol: 'netflow' },
  { version: '5', port: 2055, protocol: 'netflow' },
  { version: '9', port: 2056, protocol: 'netflow' },
  { version: '10', port: 4739, protocol: 'ipfix' },
] as const

const flowRecords: Scene = {
  name: 'flow-records',
  about: 'NetFlow 1, 5 and 9 and IPFIX of one recording; sFlow and NetFlow of a switch',
  async run(s: Stage) {
    for (const { version, port } of VERSIONS) {
      await s.serve(sink(port), port, 'udp')
      const files = ['-p', s.dir.file(`softflowd-${port}.pid`), '-c', 'none']
      // -D: to the end of the recording, then out
      await s.ask(['softflowd', '-D', '-r', SEEN, '-v', version, '-n', `${s.server.v4}:${port}`, ...files])
    }
    await s.serve(sink(6343), 6343, 'udp')
    const bridge = await openSwitch(s, s.pair.client.name)
    const agent = ['--', '--id=@s', 'create', 'sflow', 'agent=e0', `target="${s.server.v4}:6343"`, 'sampling=1', 'polling=1']
    await bridge.set(...agent, '--', 'set', 'bridge', 'br0', 'sflow=@s')
    await bridge.wait(3)
    return [
      ...VERSIONS.map(({ port, protocol }) => ({ port, protocol, transport: 'udp' as const })),
      { port: 6343, protocol: 'sflow', transport: 'udp' },
    ]
  },
}

const COLLECTD = (s: Stage, password: string): string => `
Hostname "web01"
BaseDir "${s.dir.path}"
PIDFile "${s.dir.path}/collectd.pid"
Interval 1
LoadPlugin load
LoadPlugin memory
LoadPlugin network
LoadPlugin write_graphite
<Plugin network>
  <Server "${s.server.v4}" "25826">
  </Server>
  <Server "${s.server.v4}" "25827">
    SecurityLevel Sign
    Username "user"
    Password "${password}"
  </Server>
  <Server "${s.server.v4}" "25828">
    SecurityLevel Encrypt
    Username "user"
    Password "${password}"
  </Server>
</Plugin>
<Plugin write_graphite>
  <Node "tcp">
    Host "${s.server.v4}"
    Port "2003"
    Protocol "tcp"
  </Node>
  <Node "udp">
    Host "${s.server.v4}"
    Port "2004"
    Protocol "udp"
  </Node>
</Plugin>
`

/** The distribution's Python has these libraries. */
const STATSD = (host: string): string => `
import statsd, time
for make, port in ((statsd.StatsClient, 8125), (statsd.TCPStatsClient, 8126)):
    c = make('${host}', port, prefix='shop')
    c.incr('page.views')
    c.timing('render', 320)
    c.gauge('users', 17)
    c.set('visitors', 'u42')
    c.incr('sampled', rate=0.999)
    with c.pipeline() as p:
        p.incr('a')
        p.decr('b')
    time.sleep(0.3)
`

const GELF = (host: string): string => `
import logging, graypy, time
log = logging.getLogger('shop')
log.setLevel(logging.INFO)
for handler in (graypy.GELFUDPHandler('${host}', 12201, compress=False), graypy.GELFTCPHandler('${host}', 12202)):
    log.addHandler(handler)
    log.info('order %d was placed', 17)
    log.info('%s', 'a longer story, ' * 250)
    time.sleep(0.3)
    log.removeHandler(handler)
    handler.close()
`

const metrics: Scene = {
  name: 'metrics',
  about: 'collectd plain, signed and encrypted, and its Graphite output; statsd and GELF over UDP and TCP',
  async run(s: Stage) {
    for (const port of [25826, 25827, 25828, 2004, 8125, 12201]) await s.serve(sink(port), port, 'udp')
    for (const port of [2003, 8126, 12202]) await s.serve(['nc', '-l', '-k', '-p', String(port)], port)
    const conf = s.dir.file('collectd.conf', COLLECTD(s, 'secret'))
    const proc = await s.keep(new Proc(['collectd', '-f', '-C', conf], { netns: s.pair.client.name, cwd: s.dir.path }))
    await s.ask(['/usr/bin/python3', '-c', STATSD(s.server.v4)])
    await s.ask(['/usr/bin/python3', '-c', GELF(s.server.v4)])
    // ends with what it has gathered
    await sleep(2500)
    await proc.stop()
    const udp = 'udp' as const
    return [
      { port: 25826, protocol: 'collectd', transport: udp },
      { port: 25827, protocol: 'collectd', transport: udp },
      { port: 25828, protocol: 'collectd', transport: udp },
      { port: 2003, protocol: 'graphite' },
      { port: 2004, protocol: 'graphite', transport: udp },
      { port: 8125, protocol: 'statsd', transport: udp },
      { port: 8126, protocol: 'statsd' },
      { port: 12201, protocol: 'gelf', transport: udp },
      { port: 12202, protocol: 'gelf' },
    ]
  },
}

export const TELEMETRY: readonly Scene[] = [flowRecords, metrics]
