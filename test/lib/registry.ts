// SPDX-License-Identifier: Apache-2.0
// What a crashed test would leave behind: network namespaces, cgroups and directories. Each is noted in a file of
// its own before it is made, with the pid and start time of its maker; sweep() removes those whose maker is gone.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'

const ROOT = '/run/flowident-test'

export type Kind = 'netns' | 'dir' | 'cgroup' | 'mount'

/** Start time of a process in clock ticks since boot, or undefined when there is none: tells a reused pid apart. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function entry(kind: Kind, name: string): string {
  return `${ROOT}/${kind}--${encodeURIComponent(name)}`
}

export function note(kind: Kind, name: string): void {
  mkdirSync(ROOT, { recursive: true })
  writeFileSync(entry(kind, name), `${process.pid} ${startTime(process.pid)}\n`)
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // Gone already, or still busy: the entry stays away either way and the next sweep of its kind finds nothing.
  }
}

/** Ends what still runs in a namespace of ours: only pids that `ip` reports as members of exactly that one. */
function endMembers(netns: string): void {
  const out = execFileSync('ip', ['netns', 'pids', netns], { encoding: 'utf8' })
  for (const pid of out.split('\n').filter(Boolean)) attempt(() => process.kill(Number(pid), 'SIGKILL'))
}

/** Removes one noted thing and its note. */
export function remove(kind: Kind, name: string): void {
  if (kind === 'netns') {
    attempt(() => endMembers(name))
    attempt(() => execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' }))
  } else if (kind === 'cgroup') attempt(() => rmdirSync(name))
  else if (kind === 'mount') attempt(() => execFileSync('umount', ['-l', name], { stdio: 'ignore' }))
  else attempt(() => rmSync(name, { recursive: true, force: true }))
  rmSync(entry(kind, name), { force: true })
}

/** Removes what processes that no longer run have left. Returns the names removed. */
export function sweep(): string[] {
  const removed: string[] = []
  let files: string[] = []
  attempt(() => {
    files = readdirSync(ROOT)
  })
  for (const file of files) {
    const cut = file.indexOf('--')
    let maker = ''
    attempt(() => {
      maker = readFileSync(`${ROOT}/${file}`, 'utf8').trim()
    })
    const [pid, start] = maker.split(' ')
    if (pid !== undefined && start !== undefined && startTime(Number(pid)) === start) continue
    const name = decodeURIComponent(file.slice(cut + 2))
    remove(file.slice(0, cut) as Kind, name)
    removed.push(name)
  }
  return removed
}
