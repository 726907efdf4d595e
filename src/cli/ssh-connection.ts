// SPDX-License-Identifier: Apache-2.0
// The SSH session that a command runs in.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Shells, sudo, tmux and the like between the session and the command; a chain longer than this is a mistake. */
const PARENTS = 32

/** SSH_CONNECTION of this process, or of the nearest parent that has it: sudo(8) takes it out of the environment. */
export function sshConnectionOf(env: Readonly<Record<string, string | undefined>>, pid = process.ppid, proc = '/proc'): string | undefined {
  if (env['SSH_CONNECTION']) return env['SSH_CONNECTION']
  for (let at = pid, i = 0; at > 1 && i < PARENTS; i++) {
    try {
      const found = /(?:^|\0)SSH_CONNECTION=([^\0]+)/.exec(readFileSync(join(proc, `${at}`, 'environ'), 'latin1'))
      if (found) return found[1]
      // The name before it may hold anything, also brackets: the parent is the second word behind the last one.
      const stat = readFileSync(join(proc, `${at}`, 'stat'), 'latin1')
      at = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    } catch {
      return undefined
    }
  }
  return undefined
}
