// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Mount point of the unified cgroup hierarchy, or null. Blanks in it are written \040 there. */
export const cgroupMount = (proc: string): string | null => {
  for (const line of readFileSync(join(proc, 'self/mountinfo'), 'utf8').split('\n')) {
    const [before, after] = line.split(' - ')
    const point = after?.startsWith('cgroup2 ') ? before?.split(' ')[4] : undefined
    if (point !== undefined) return point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  }
  return null
}
