// SPDX-License-Identifier: Apache-2.0
// Classifiers that a killed process left on clsact: they are no links, so they go on working, and with them the rules of that time.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Addon, ClsactFilter } from '../../native/addon.js'

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return [] // ended meanwhile, not ours to read, or not there
  }
}

/** Numbers of the BPF programs that processes hold: a filter of such a one is in use. */
function heldPrograms(proc: string): Set<number> {
  const held = new Set<number>()
  for (const pid of list(proc).filter((name) => /^\d+$/.test(name)))
    for (const fd of list(join(proc, pid, 'fd')))
      try {
        if (readlinkSync(join(proc, pid, 'fd', fd)) !== 'anon_inode:bpf-prog') continue
        const id = /^prog_id:\s*(\d+)$/m.exec(readFileSync(join(proc, pid, 'fdinfo', fd), 'latin1'))?.[1]
        if (id !== undefined) held.add(Number(id))
      } catch {
        // closed meanwhile
      }
  return held
}

/** As keep.cc names a pinned one: program@ifindex@way@handle@priority. */
const pinnedAs = ({ program, ifindex, egress, handle, priority }: ClsactFilter): RegExp =>
  new RegExp(`^${program}@${ifindex}@${egress ? 'e' : 'i'}[q-]@${handle}@${priority}$`)

/** Those of this network namespace that no process holds and that are not kept in `folder`. */
export function orphans(addon: Pick<Addon, 'clsactFilters'>, folder: string, proc = '/proc'): ClsactFilter[] {
  const filters = addon.clsactFilters()
  if (filters.length === 0) return []
  const kept = list(join(folder, 'filters'))
  const held = heldPrograms(proc)
  return filters.filter((filter) => !held.has(filter.programId) && !kept.some((name) => pinnedAs(filter).test(name)))
}
