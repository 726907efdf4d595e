// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ResourcesCollector } from '../../src/metrics/resources.js'
import { renderFamily } from '../../src/metrics/text.js'
import { readUsage } from '../../src/owners/cgroup-usage.js'
import { metric } from '../lib/metric.js'
import { aggregates } from './support/records.js'

const ID = '0123456789ab'.padEnd(64, 'c')

describe('resources of cgroups', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'flowident-cgroups-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  const cgroup = (path: string, files: Record<string, string> = {}): bigint => {
    mkdirSync(join(root, path), { recursive: true })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, path, name), text)
    return statSync(join(root, path), { bigint: true }).ino
  }
  const full = {
    'cpu.stat': 'usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\nnr_periods 1\nthrottled_usec 250000\n',
    'memory.current': '1000000\n',
    'memory.stat': 'anon 5\ninactive_file 400000\nactive_file 7\n',
    'memory.max': 'max\n',
    'pids.current': '3\n',
  }
  const page = async (sums: ArrayBuffer, most = 100, services = new Map<bigint, string>()) => {
    const collector = new ResourcesCollector({ usage: () => readUsage(root, most), aggregates: async () => sums, services: () => services })
    return (await collector.collect()).map((family) => renderFamily(family, false)).join('')
  }

  it('are those of units and containers, under the names of cAdvisor', async () => {
    cgroup('system.slice/web.service', full)
    const inner = cgroup(`machine.slice/libpod-${ID}.scope/container`)
    cgroup(`machine.slice/libpod-${ID}.scope`, { ...full, 'memory.max': '2000000\n' })
    const sums = aggregates([
      { cgroup: inner, protocol: 'ssh', values: [1n, 0n, 4n, 4000n, 5n, 5000n] },
      { cgroup: inner, protocol: 'http1', values: [1n, 0n, 1n, 100n, 1n, 200n] },
    ])
    const text = await page(sums, 100, new Map([[inner, 'shop']]))
    const container = 'name="0123456789ab",kind="container",pod_uid="",service="shop"'
    expect(text).toContain(`container_cpu_usage_seconds_total{id="/machine.slice/libpod-${ID}.scope",${container},cpu="total"} 2.5\n`)
    const of = (name: string, labels: Record<string, string>) => metric(text, `container_${name}`, labels)
    expect(of('cpu_cfs_throttled_seconds_total', { name: 'web.service' })).toBe(0.25)
    expect(of('memory_usage_bytes', { name: 'web.service' })).toBe(1_000_000)
    expect(of('memory_working_set_bytes', { name: 'web.service' })).toBe(600_000)
    expect(of('spec_memory_limit_bytes', { name: 'web.service' })).toBe(0)
    expect(of('spec_memory_limit_bytes', { kind: 'container' })).toBe(2_000_000)
    expect(of('threads', { kind: 'container' })).toBe(3)
    expect(of('network_receive_bytes_total', { service: 'shop' })).toBe(4100)
    expect(of('network_transmit_packets_total', { service: 'shop' })).toBe(6)
    expect(of('network_receive_bytes_total', { name: 'web.service' })).toBe(0)
    expect(text.match(/container_threads\{/g)).toHaveLength(2)
  })
  it('know pods', async () => {
    const uid = '0123abcd-0123-4567-89ab-0123456789ab'
    const slice = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`
    cgroup(`${slice}/cri-containerd-${ID}.scope`, full)
    expect(metric(await page(aggregates([])), 'container_cpu_user_seconds_total', { pod_uid: uid, name: '0123456789ab' })).toBe(2)
  })
  it('of files that are not there are left out, not zero', async () => {
    cgroup('system.slice/bare.service', { 'cpu.stat': 'usage_usec 1\n', 'memory.current': 'nonsense\n' })
    const text = await page(aggregates([]))
    expect(text).toContain('container_cpu_usage_seconds_total{')
    expect(text).not.toContain('container_memory_usage_bytes{')
    expect(text).not.toContain('container_threads{')
  })
  it('are bounded, and say how many are left out', async () => {
    for (let i = 0; i < 30; i++) cgroup(`system.slice/s${i}.service`, full)
    const text = await page(aggregates([]), 10)
    expect(text.match(/container_threads\{/g)).toHaveLength(10)
    expect(text).toContain('flowident_cgroups_left_out 20\n')
  })
  it('survive cgroups that vanish and a root that is not there', async () => {
    rmSync(root, { recursive: true })
    expect(await readUsage(root, 10)).toEqual({ cgroups: [], leftOut: 0 })
    mkdirSync(root)
  })
})
