// SPDX-License-Identifier: Apache-2.0
// The files that a service is configured by, and one hash over all of them: equal on hosts that are set up alike.
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { OwnerFacts } from '../owners/facts.js'
import { templateOf } from '../owners/systemd.js'

/** Where systemd looks for units, the first that has one counts (systemd.unit(5)); drop-ins of all of them do. */
const UNIT_PATHS = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
]
const FILE_BYTES = 1_048_576
const FILES = 64

/** Where engines keep the configuration of a container; ID stands for its whole id. */
const CONTAINER_FILES = [
  '/var/lib/docker/containers/ID/hostconfig.json',
  '/run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json',
  '/run/containerd/io.containerd.runtime.v2.task/moby/ID/config.json',
  '/run/containerd/io.containerd.runtime.v2.task/default/ID/config.json',
  '/var/lib/containers/storage/overlay-containers/ID/userdata/config.json',
  '/run/containers/storage/overlay-containers/ID/userdata/config.json',
]

export interface Configuration {
  readonly sha256: string
  /** For those who compare with tools that have nothing else. */
  readonly md5: string
  readonly files: { readonly path: string; readonly bytes: number }[]
}

/** Content of a regular file of bounded size; undefined: there is none. */
function content(path: string): Buffer | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const { size } = fstatSync(fd)
    if (!fstatSync(fd).isFile() || size > FILE_BYTES) return undefined
    const bytes = Buffer.alloc(size)
    return bytes.subarray(0, readSync(fd, bytes, 0, size, 0))
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}

const entries = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The unit's file and its drop-ins, in the order in which systemd applies them. */
export function unitFiles(unit: string, root = ''): string[] {
  const names = [unit, ...(templateOf(unit) ? [(templateOf(unit) as { template: string }).template] : [])]
  const fragment = names.flatMap((name) => UNIT_PATHS.map((path) => join(path, name))).find((path) => content(root + path) !== undefined)
  const dropIns = new Map<string, string>()
  for (const name of [...names].reverse())
    for (const path of [...UNIT_PATHS].reverse())
      for (const file of entries(`${root}${path}/${name}.d`)) if (file.endsWith('.conf')) dropIns.set(file, join(path, `${name}.d`, file))
  return [...(fragment === undefined ? [] : [fragment]), ...[...dropIns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)]
}

const filesOf = (owner: OwnerFacts, root: string): string[] => {
  const { container, unit } = owner
  if (container && owner.manages === undefined) return CONTAINER_FILES.map((path) => path.replace('ID', container.id))
  return unit === undefined || /\.(scope|slice)$/.test(unit) ? [] : unitFiles(unit, root)
}

/** `declared`: files that the configuration names for this service. undefined: there are none that can be read. */
export function readConfiguration(owner: OwnerFacts, declared: readonly string[] = [], root = ''): Configuration | undefined {
  const sha256 = createHash('sha256')
  const md5 = createHash('md5')
  const files: { path: string; bytes: number }[] = []
  for (const path of [...new Set([...filesOf(owner, root), ...declared])].slice(0, FILES)) {
    const bytes = content(root + path)
    if (bytes === undefined) continue
    // Name and length in front: two files cannot be taken for one. An id of a container is this host's alone.
    const name = owner.container ? path.replace(owner.container.id, 'ID') : path
    for (const hash of [sha256, md5]) hash.update(`${name}\0${bytes.length}\0`).update(bytes)
    files.push({ path, bytes: bytes.length })
  }
  return files.length === 0 ? undefined : { sha256: sha256.digest('hex'), md5: md5.digest('hex'), files }
}
