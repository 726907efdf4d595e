// SPDX-License-Identifier: Apache-2.0
// Kubernetes pods from a cgroup path: the kubelet's systemd and cgroupfs layouts.

import type { PodQos } from './facts.js'

export interface PodFacts {
  uid: string
  qos: PodQos
  /** Component that names the pod. */
  index: number
}

// A static pod's uid is an MD5 without dashes; systemd slices write "_" for "-".
const UID = '(?<uid>[0-9a-f]{8}(?<dash>[-_])(?:[0-9a-f]{4}\\k<dash>){3}[0-9a-f]{12}|[0-9a-f]{32})'
// Nested kubelets put their own name in front (kubelet-kubepods-…). The part after ":" is a runtime that took the slice's
// name for a directory.
const SLICE = new RegExp(`^(?:[A-Za-z0-9_.]+-)*kubepods(?:-(?<qos>burstable|besteffort))?-pod${UID}\\.slice(?::[^/]*)?$`)
const DIRECTORY = new RegExp(`^pod${UID}$`)

function qosOf(name: string | undefined): PodQos {
  return name === 'burstable' || name === 'besteffort' ? name : 'guaranteed'
}

/** The innermost pod of a path. */
export function readPod(parts: readonly string[]): PodFacts | undefined {
  for (let index = parts.length - 1; index >= 0; index--) {
    const name = parts[index] ?? ''
    if (name.length > 512) continue
    const slice = SLICE.exec(name)?.groups
    if (slice?.['uid'] !== undefined) return { uid: slice['uid'].replaceAll('_', '-'), qos: qosOf(slice['qos']), index }
    const uid = DIRECTORY.exec(name)?.groups?.['uid']
    if (uid === undefined) continue
    const parent = parts[index - 1]
    const above = parent === 'burstable' || parent === 'besteffort' ? parts[index - 2] : parent
    // Only below kubepods: a directory named pod<uid> elsewhere is anybody's.
    if (above === 'kubepods' || above === 'kubepods.slice') return { uid: uid.replaceAll('_', '-'), qos: qosOf(parent), index }
  }
  return undefined
}
