// SPDX-License-Identifier: Apache-2.0
// What the configuration means for loading the kernel part.
import type { Config } from '../config/schema.js'
import type { KernelOptions } from './kernel.js'

/** Programs of the wire view: not loaded when no interface is watched, since the verifier takes its time with each. */
const WIRE = ['fi_xdp', 'fi_tc_ingress', 'fi_tc_egress']

export function kernelOptions({ limits, flows, wire, keep, requests }: Config): KernelOptions {
  const { tcp, udp, other } = flows.idle_seconds
  const watched = wire.interfaces.some((pattern) => pattern !== 'none')
  return {
    flows: limits.flows,
    pending: limits.pending,
    ringBytes: limits.ring_bytes,
    aggregates: limits.aggregates,
    ...(requests.enabled && { requestBytes: requests.ring_bytes }),
    constants: { fi_cfg_idle_tcp: tcp, fi_cfg_idle_udp: udp, fi_cfg_idle_other: other, fi_cfg_requests: requests.enabled ? 1 : 0 },
    without: ['fi_filter', ...(watched ? [] : WIRE)],
    stats: true,
    ...(keep.enabled && { keep: keep.folder }),
  }
}
