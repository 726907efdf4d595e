// SPDX-License-Identifier: Apache-2.0
// What hosts and switches of a data centre say to each other: OpenFlow, PTP, gossip of Serf, DDS, PPTP, NAT-PMP.
import { setTimeout as sleep } from 'node:timers/promises'
import { Proc } from '../../lib/process.js'
import type { Scene, Stage } from '../scene.js'
import { openSwitch } from './switch.js'

const openflow: Scene = {
  name: 'openflow',
  about: 'a switch asked in versions 1.0, 1.3 and 1.4, on two ports',
  async run(s: Stage) {
    const bridge = await openSwitch(s, s.serverNs)
    await bridge.set('set', 'bridge', 'br0', 'protocols=OpenFlow10,OpenFlow13,OpenFlow14')
    for (const port of [6653, 9100]) {
      await bridge.set('set-controller', 'br0', `ptcp:${port}`)
      for (const version of ['10', '13', '14'])
        await s.ask(['ovs-ofctl', '-O', `OpenFlow${version}`, 'dump-flows', `tcp:${s.server.v4}:${port}`])
    }
    return [
      { port: 6653, protocol: 'openflow', times: 3 },
      { port: 9100, protocol: 'openflow', times: 3 },
    ]
  },
}

/** Never sets the clock of the machine: free running, software time stamps. */
const PTP = (client: boolean): string => `[global]
free_running 1
time_stamping software
network_transport UDPv4
slaveOnly ${client ? 1 : 0}
priority1 ${client ? 200 : 100}
logAnnounceInterval -1
logSyncInterval -2
logMinDelayReqInterval -2
`

const ptp: Scene = {
  name: 'ptp',
  about: 'a clock and a listener, version 2 over multicast',
  async run(s: Stage) {
    for (const [netns, client] of [
      [s.serverNs, false],
      [s.pair.client.name, true],
    ] as const) {
      const name = client ? 'listener' : 'clock'
      const argv = ['ptp4l', '-f', s.dir.file(`${name}.conf`, PTP(client)), '-i', 'e0']
      await s.keep(new Proc([...argv, '-m', '--uds_address', `${s.dir.path}/${name}.uds`], { netns, cwd: s.dir.path }))
    }
    await sleep(8000)
    return [
      { port: 319, protocol: 'ptp', transport: 'udp', times: 2 },
      { port: 320, protocol: 'ptp', transport: 'udp' },
    ]
  },
}

const serf: Scene = {
  name: 'serf',
  about: 'two members: one joins the other, an event, a query, one leaves',
  async run(s: Stage) {
    const rpc = '127.0.0.1:7373'
    for (const [netns, name, address] of [
      [s.serverNs, 'web01', s.server.v4],
      [s.pair.client.name, 'web02', s.client.v4],
    ] as const) {
      await s.keep(new Proc(['serf', 'agent', `-node=${name}`, `-bind=${address}:7946`, `-rpc-addr=${rpc}`], { netns, cwd: s.dir.path }))
      await sleep(1000)
    }
    await s.ask(['serf', 'join', `${s.server.v4}:7946`])
    await s.ask(['serf', 'event', 'deploy', 'version 7'])
    await s.ask(['serf', 'query', '-timeout=1s', 'load'])
    await sleep(3000)
    await s.ask(['serf', 'leave'])
    return [
      { port: 7946, protocol: 'serf' },
      { port: 7946, protocol: 'serf', transport: 'udp' },
    ]
  },
}

const DDS = '<CycloneDDS><Domain><General><NetworkInterfaceAddress>e0</NetworkInterfaceAddress></General></Domain></CycloneDDS>'

const dds: Scene = {
  name: 'rtps',
  about: 'a publisher and a subscriber find each other and talk',
  async run(s: Stage) {
    const at = (netns: string, what: string): Proc =>
      new Proc(['ddsperf', '-D', '3', what], { netns, cwd: s.dir.path, env: { CYCLONEDDS_URI: DDS } })
    await s.keep(at(s.serverNs, 'pong'))
    await s.keep(at(s.pair.client.name, 'ping'))
    await sleep(4000)
    return [{ port: 7400, protocol: 'rtps', transport: 'udp', times: 2 }]
  },
  edit: (frames) => frames.slice(0, 150),
}

const pptp: Scene = {
  name: 'pptp',
  about: 'the control connection; what it opens is not there',
  async run(s: Stage) {
    const options = s.dir.file('options', 'noauth\n')
    const conf = s.dir.file('pptpd.conf', `option ${options}\nlocalip 10.78.0.1\nremoteip 10.78.0.2-9\n`)
    await s.serve(['pptpd', '-f', '-c', conf, '-l', s.server.v4, '-p', s.dir.file('pptpd.pid')], 1723)
    const call = await s.keep(new Proc(['pptp', s.server.v4, '--nolaunchpppd'], { netns: s.pair.client.name, talk: true }))
    await sleep(3000)
    await call.stop()
    return [{ port: 1723, protocol: 'pptp' }]
  },
}

const natPmp: Scene = {
  name: 'nat-pmp',
  about: 'a client asks the gateway for its address and for a port',
  async run(s: Stage) {
    // an address that the daemon takes for a public one; nothing is sent to it
    const conf = s.dir.file(
      'miniupnpd.conf',
      `ext_ifname=lo\next_ip=11.0.0.1\nlistening_ip=e0\nenable_natpmp=yes\nenable_upnp=no\nport=0\nuuid=00000000-0000-0000-0000-000000000000\nallow 1024-65535 0.0.0.0/0 1024-65535\n`,
    )
    await s.serve(['miniupnpd', '-d', '-f', conf, '-P', s.dir.file('miniupnpd.pid')], 5351, 'udp')
    await s.ask(['natpmpc', '-g', s.server.v4], { codes: [0, 1] })
    await s.ask(['natpmpc', '-g', s.server.v4, '-a', '8080', '8080', 'tcp', '60'], { codes: [0, 1] })
    return [{ port: 5351, protocol: 'nat-pmp', transport: 'udp', times: 2 }]
  },
  // without the daemon's announcements from port 5351 to 5350, which are of PCP, the successor
  edit: (frames) => frames.filter((f) => !f.data.includes(Buffer.from([5351 >> 8, 5351 & 255, 5350 >> 8, 5350 & 255]))),
}

export const FABRIC: readonly Scene[] = [openflow, ptp, serf, dds, pptp, natPmp]
