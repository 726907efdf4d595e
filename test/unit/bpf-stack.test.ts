// SPDX-License-Identifier: Apache-2.0
// The stack of the built BPF object as kernels before 6.7 add it up: frames in steps of 32 bytes, 512 in all. Newer ones, on which the
// other tests may run, count in steps of 16 and would not notice.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stackChains } from '../lib/bpf-stack.js'

const object = join(import.meta.dirname, '../../build/flowident.bpf.o')

describe.skipIf(!existsSync(object))('stack of the BPF programs', () => {
  const chains = stackChains(readFileSync(object), 32)

  it('is read from the object', () => {
    expect(chains.map(({ program }) => program)).toEqual(
      expect.arrayContaining(['fi_cgroup_ingress', 'fi_xdp', 'fi_tc_egress', 'fi_state']),
    )
    const ingress = chains.find(({ program }) => program === 'fi_cgroup_ingress')
    expect(ingress?.bytes).toBeGreaterThan(300)
    expect(ingress?.functions.length).toBeGreaterThan(2)
  })
  it.each(chains)('$program keeps within 512 bytes, on old kernels too: $bytes', ({ bytes, functions }) => {
    expect(bytes, functions.join(' > ')).toBeLessThanOrEqual(512)
    expect(functions.length).toBeLessThanOrEqual(8)
  })
})
