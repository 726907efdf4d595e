// SPDX-License-Identifier: Apache-2.0
// Open vSwitch in user space, with its own database in the scene's directory.
import { setTimeout as sleep } from 'node:timers/promises'
import { Proc, run, until } from '../../lib/process.js'
import type { Stage } from '../scene.js'

const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema'

export interface Switch {
  /** ovs-vsctl with these arguments. */
  set(...args: string[]): Promise<void>
  wait(seconds: number): Promise<void>
}

/** A switch with one bridge, br0, in a namespace. */
export async function openSwitch(s: Stage, netns: string): Promise<Switch> {
  const { path } = s.dir
  const db = `${path}/conf.db`
  const socket = `unix:${path}/db.sock`
  const env = { OVS_RUNDIR: path, OVS_LOGDIR: path, OVS_DBDIR: path }
  const ask = async (...argv: string[]): Promise<void> => {
    await run(argv, { netns, cwd: path, env })
  }
  await ask('ovsdb-tool', 'create', db, SCHEMA)
  const database = await s.keep(new Proc(['ovsdb-server', db, `--remote=p${socket}`], { netns, cwd: path, env }))
  const set = (...args: string[]): Promise<void> => ask('ovs-vsctl', '--timeout=10', `--db=${socket}`, ...args)
  await until('ovsdb-server', async () => {
    if (!database.running) throw new Error(database.stderr)
    return set('--no-wait', 'init').then(
      () => true,
      () => false,
    )
  })
  await s.keep(new Proc(['ovs-vswitchd', '--disable-system', socket], { netns, cwd: path, env }))
  await set('add-br', 'br0', '--', 'set', 'bridge', 'br0', 'datapath_type=netdev')
  return { set, wait: (seconds) => sleep(seconds * 1000) }
}
