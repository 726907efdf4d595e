// SPDX-License-Identifier: Apache-2.0
// Longer paths than the kernel's PATH_MAX, or deeper than anyone nests, are cut: they are made to hurt.
const PATH_MAX = 4096
const DEPTH_MAX = 64

/** Names along a cgroup path. ".." appears when the path was read from inside another cgroup namespace: it says nothing. */
export function components(path: string): string[] {
  const parts: string[] = []
  for (const part of path.slice(0, PATH_MAX).split('/', 4 * DEPTH_MAX)) {
    if (part === '' || part === '.' || part === '..') continue
    parts.push(part)
    if (parts.length === DEPTH_MAX) break
  }
  return parts
}

export interface ProcessCgroups {
  /** Path in the cgroup2 hierarchy. */
  unified?: string
  /** Path in systemd's own hierarchy of a hybrid or legacy layout. */
  systemd?: string
  /** Paths in other v1 hierarchies, each once, without the root. */
  others: string[]
}

/** The text of /proc/PID/cgroup. */
export function readProcessCgroups(text: string): ProcessCgroups {
  const found: ProcessCgroups = { others: [] }
  for (const line of text.split('\n', DEPTH_MAX)) {
    const parsed = /^(\d+):([^:]*):(\/.*)$/.exec(line)
    if (!parsed) continue
    const [, id, names = '', path = '/'] = parsed
    if (id === '0' && names === '') found.unified = path
    else if (names === 'name=systemd') found.systemd = path
    else if (path !== '/' && !found.others.includes(path)) found.others.push(path)
  }
  return found
}
