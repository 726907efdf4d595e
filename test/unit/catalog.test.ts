// SPDX-License-Identifier: Apache-2.0
import { expect, test } from 'vitest'
import type { OwnerRecord } from '../../src/flows/decode.js'
import { FlowTable } from '../../src/flows/table.js'
import { InterfaceNames } from '../../src/kernel/interfaces.js'
import type { OwnerFacts } from '../../src/owners/facts.js'
import { Catalog } from '../../src/services/catalog.js'
import { Identifier } from '../../src/services/identify.js'
import { ServiceRegistry } from '../../src/services/registry.js'
import { SeenOwners } from '../../src/services/seen-owners.js'
import { viewOfRecord } from './support/records.js'

const record = (pid: number, startNs: bigint): OwnerRecord => ({
  cgroup: 7n,
  startNs,
  exeIno: 1n,
  exeDev: 2,
  pid,
  ppid: 1,
  uid: 0,
  netns: 3,
  execId: 0,
  comm: 'server',
  how: 3,
})

/** A catalog on a host where the processes `gone` can no longer be looked at. */
const make = (gone: number[] = []) => {
  const resolved: number[] = []
  const resolve = ({ pid, startNs }: OwnerRecord): OwnerFacts => {
    resolved.push(pid)
    const facts: OwnerFacts = {
      pid,
      ppid: 1,
      startNs,
      comm: 'server',
      uid: 0,
      cgroupId: 7n,
      unit: 'a.service',
      netns: 3,
      how: 'used',
      reasons: [],
    }
    return gone.includes(pid) ? facts : { ...facts, exePath: '/usr/bin/server' }
  }
  const table = new FlowTable({ flows: 16, history: 16, labelBytes: 1000, idle: { tcp: 1000, udp: 1000, other: 1000 } })
  const catalog = new Catalog({
    table,
    owners: { resolve },
    identifier: new Identifier({ environment: '', rules: [] }),
    registry: new ServiceRegistry(),
    interfaces: new InterfaceNames(
      () => [],
      () => 0,
    ),
    epochMs: () => 0,
  })
  const pid = () => catalog.behind(catalog.servicesIn(new Set([7n])).get(7n) ?? '')?.owner.pid
  return { catalog, table, resolved, pid }
}

test('the process behind a service without flows is the one that was started last', () => {
  const { catalog, pid } = make()
  catalog.learn(record(100, 10n))
  expect(pid()).toBe(100)
  catalog.learn(record(200, 20n))
  expect(pid()).toBe(200)
})

test('workers that take turns are resolved once', () => {
  const { catalog, resolved, pid } = make()
  for (let n = 0; n < 10; n++) for (const worker of [1, 2, 3]) catalog.learn(record(100 + worker, BigInt(worker)))
  expect(resolved).toEqual([101, 102, 103])
  expect(pid()).toBe(103)
})

test('a process that is gone before it is looked at takes the place of none that is known', () => {
  const { catalog, pid } = make([200])
  catalog.learn(record(100, 10n))
  catalog.learn(record(200, 20n))
  expect(pid()).toBe(100)
})

test('an owner is looked at once for all its flows, and again when anything of it changes', () => {
  const { table, resolved } = make()
  const flow = (id: bigint, owner: object) => table.put(viewOfRecord({ id, owner: { pid: 300, startNs: 30n, ...owner } }))
  flow(1n, {})
  flow(2n, {})
  expect(resolved).toEqual([300])
  flow(3n, { exeIno: 12n }) // another program in the same process
  flow(4n, { uid: 33 })
  flow(5n, { uid: 33 })
  expect(resolved).toEqual([300, 300, 300])
})

test('owners that fall into one room push each other out, and none is taken for another', () => {
  const seen = new SeenOwners()
  const add = (pid: number) => seen.add(viewOfRecord({ owner: { pid } }))
  for (let pid = 1; pid <= 5000; pid++) expect(add(pid)).toBe(false)
  expect(add(5000)).toBe(true)
  seen.clear()
  expect(add(5000)).toBe(false)
})
