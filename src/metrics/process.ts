// SPDX-License-Identifier: Apache-2.0
// The process's own metrics, by prom-client's names. Its collectDefaultMetrics is not used whole: it measures the event
// loop with a timer of 10 ms, which would be most of what an idle daemon does.
import type { Registry, RegistryContentType } from 'prom-client'
import gc from 'prom-client/lib/metrics/gc.js'
import heap from 'prom-client/lib/metrics/heapSizeAndUsed.js'
import memory from 'prom-client/lib/metrics/osMemoryHeap.js'
import cpu from 'prom-client/lib/metrics/processCpuTotal.js'
import maxDescriptors from 'prom-client/lib/metrics/processMaxFileDescriptors.js'
import descriptors from 'prom-client/lib/metrics/processOpenFileDescriptors.js'
import started from 'prom-client/lib/metrics/processStartTime.js'
import version from 'prom-client/lib/metrics/version.js'

export function collectProcess(registry: Registry<RegistryContentType>): void {
  for (const collect of [cpu, started, memory, descriptors, maxDescriptors, heap, version, gc]) collect(registry)
}
