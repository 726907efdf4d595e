// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import type { OwnerFacts } from '../../src/owners/facts.js'
import { Identifier } from '../../src/services/identify.js'
import { OTHER_INDEX, ServiceRegistry, UNKNOWN_INDEX } from '../../src/services/registry.js'
import { safeName } from '../../src/services/service.js'
import { Traffic } from '../../src/services/traffic.js'
import { aggregates } from './support/records.js'

const owner = (more: Partial<OwnerFacts> = {}): OwnerFacts => ({
  pid: 1,
  ppid: 0,
  startNs: 1n,
  comm: 'nginx',
  exePath: '/usr/sbin/nginx',
  uid: 33,
  cgroupId: 1n,
  netns: 1,
  how: 'used',
  reasons: [],
  ...more,
})
const plain = new Identifier({ environment: '', rules: [] })

describe('identify', () => {
  it.each([
    ['unit', { unit: 'nginx.service' }, 'nginx', 'unit'],
    ['template', { unit: 'redis@6380.service' }, 'redis@6380', 'unit'],
    ['scope', { unit: 'session-3.scope' }, 'nginx', 'process'],
    ['user manager', { unit: 'user@1000.service' }, 'nginx', 'process'],
    ['user unit', { unit: 'user@1000.service', userUnit: 'syncthing.service' }, 'syncthing', 'user-unit'],
    ['numbered container', { container: { id: 'a'.repeat(64), shortId: 'a'.repeat(12), runtime: 'docker' } }, 'nginx', 'container'],
    ['named container', { container: { id: 'web', shortId: 'web', runtime: 'lxc' } }, 'web', 'container'],
    ['pod', { podUid: 'u-1', container: { id: 'b'.repeat(64), shortId: 'b'.repeat(12), runtime: 'cri-o' } }, 'nginx', 'pod'],
    ['executable', {}, 'nginx', 'process'],
    ['machine', { vm: { name: 'win', hypervisor: 'qemu' } }, 'win', 'machine'],
  ] as const)('%s', (_name, more, name, kind) => {
    expect(plain.identify({ owner: owner(more as Partial<OwnerFacts>) })).toMatchObject({ id: name, name, kind })
  })
  it('takes the first rule that matches, and says which', () => {
    const identifier = new Identifier({
      environment: 'prod',
      rules: [
        { match: { unit: 'nginx.service', port: 8443 }, name: 'admin' },
        { match: { executable: '/usr/sbin/*' }, name: 'payment', version: 'v2' },
        { match: { unit: 'nginx.service' }, name: 'never' },
      ],
    })
    const nginx = owner({ unit: 'nginx.service' })
    expect(identifier.identify({ owner: nginx, port: 8443 })).toMatchObject({ id: 'admin-prod', environment: 'prod' })
    const service = identifier.identify({ owner: nginx, port: 443 })
    expect(service).toMatchObject({ id: 'payment-v2-prod', name: 'payment', version: 'v2' })
    expect(service.reason).toContain('rule 2')
  })
  it('does not guess without an owner', () => expect(plain.identify({ protocol: 'ssh' }).id).toBe('~unknown'))
  it('makes hostile command names harmless', () => {
    expect(safeName('a"b\n{}\x1b[31m')).toMatch(/^[A-Za-z0-9._@-]+$/)
    expect(safeName('~other')).toBe('other')
    expect(safeName('\ufffd\ufffd')).toBe('unnamed')
    expect(safeName('x'.repeat(10_000))).toHaveLength(63)
    const { exePath: _, ...rest } = owner({ comm: '~unknown' })
    expect(plain.identify({ owner: rest }).id).toBe('unknown')
  })
})

describe('registry', () => {
  it('names a program of many names as it was started', () => {
    const redis = { exePath: '/usr/bin/redis-check-rdb', comm: 'redis-server', commandLine: 'redis-server --port 6379' }
    expect(plain.identify({ owner: owner(redis) }).name).toBe('redis-server')
    // a first argument alone is what anybody may write there
    expect(plain.identify({ owner: owner({ ...redis, comm: 'evil' }) }).name).toBe('redis-check-rdb')
  })

  it('numbers services once and folds what is too many', () => {
    const registry = new ServiceRegistry(4)
    const named = (name: string) => plain.identify({ owner: owner({ exePath: `/bin/${name}` }) })
    expect(registry.intern(named('a'))).toBe(registry.intern(named('a')))
    registry.intern(named('b'))
    expect(registry.intern(named('c'))).toBe(OTHER_INDEX)
    expect(registry.folded).toBe(1)
  })
})

describe('traffic', () => {
  const row = (values: [number, number, number, number, number, number], more = {}) => ({
    protocol: 'ssh',
    ...more,
    values: values.map(BigInt) as [bigint, bigint, bigint, bigint, bigint, bigint],
  })
  it('sums rows of one service and keeps 64 bits', () => {
    const traffic = new Traffic(16)
    const big = 2n ** 60n + 1n
    const rows = aggregates([
      { protocol: 'ssh', values: [1n, 0n, 1n, big, 1n, 1n] },
      { protocol: 'ssh', cgroup: 5n, values: [2n, 1n, 2n, 2n, 2n, 2n] },
    ])
    traffic.update(rows, () => ({ service: 3, final: true }))
    expect(traffic.series).toHaveLength(1)
    expect(traffic.series[0]).toMatchObject({ service: 3, protocol: 'ssh', opened: 3n, active: 2, txBytes: 3n })
    traffic.update(rows, () => ({ service: 3, final: true }))
    expect(traffic.series[0]).toMatchObject({ opened: 3n, active: 2 })
    expect(Number(traffic.series[0]!.rxBytes - big)).toBe(2)
  })
  it('lets no counter fall when an owner becomes known, and counts nothing twice', () => {
    const traffic = new Traffic(16)
    traffic.update(aggregates([row([2, 0, 10, 100, 10, 100])]), () => ({ service: UNKNOWN_INDEX, final: false }))
    traffic.update(aggregates([row([3, 1, 15, 150, 15, 150])]), () => ({ service: 3, final: true }))
    const [unknown, known] = traffic.series
    expect(unknown).toMatchObject({ opened: 2n, rxBytes: 100n, active: 0 })
    expect(known).toMatchObject({ opened: 1n, rxBytes: 50n, active: 2 })
  })
  it('does not fall when a reading is lower than the one before', () => {
    const traffic = new Traffic(16)
    const at = (n: number) => traffic.update(aggregates([row([n, 0, n, n, n, n])]), () => ({ service: 3, final: true }))
    for (const n of [10, 7, 12]) at(n)
    expect(traffic.series[0]!.rxBytes).toBe(12n)
  })
  it('shows undecided flows apart and counts rows without room', () => {
    const traffic = new Traffic(1)
    traffic.update(
      aggregates([row([0, 0, 1, 10, 1, 5], { view: 0 }), row([1, 0, 1, 1, 1, 1]), row([1, 0, 1, 1, 1, 1], { uid: 9 })]),
      () => ({
        service: 3,
        final: true,
      }),
    )
    expect(traffic.pendingBytes).toBe(15n)
    expect(traffic.lost).toBe(1)
  })
  it('keeps views apart', () => {
    const traffic = new Traffic(4)
    traffic.update(aggregates([row([1, 0, 1, 1, 1, 1]), row([1, 0, 1, 1, 1, 1], { view: 2, role: 0 })]), () => ({
      service: 3,
      final: true,
    }))
    expect(traffic.series.map(({ view, role }) => [view, role])).toEqual([
      ['socket', 'server'],
      ['wire', null],
    ])
  })
})
