// SPDX-License-Identifier: Apache-2.0
// What units and containers use, from the files of the cgroup2 hierarchy. A file that is missing (its controller is not
// enabled there) leaves its values undefined.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { components } from './cgroup-path.js'
import { readContainers } from './container.js'
import { readPod } from './k8s.js'

export interface CgroupUsage {
  /** From the root of the hierarchy, with a leading slash. */
  readonly path: string
  /** Inode numbers, the ids that kernel records carry: its own and those of the cgroups below, whose use is part of its own. */
  readonly ids: readonly bigint[]
  /** Id of the container, its first twelve characters where it is a number; else the unit. */
  readonly name: string
  readonly kind: 'container' | 'unit'
  readonly podUid?: string
  readonly cpuSeconds?: number
  readonly cpuUserSeconds?: number
  readonly cpuSystemSeconds?: number
  readonly throttledSeconds?: number
  readonly memoryBytes?: number
  /** Without the file cache that is easiest to give up, as dashboards have it. */
  readonly workingSetBytes?: number
  /** 0 = none. */
  readonly memoryLimitBytes?: number
  readonly tasks?: number
}

const DEPTH = 16
/** Cgroups in one folder that are looked at. */
const WIDTH = 1000

/** `key value` lines. */
const table = (text: string | undefined): Record<string, number> =>
  Object.fromEntries(
    (text ?? '').split('\n').flatMap((line) => (/^\w+ \d+$/.test(line) ? [[line.split(' ')[0], Number(line.split(' ')[1])]] : [])),
  )

const number = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : text.trim() === 'max' ? 0 : /^\d+\s*$/.test(text) ? Number(text) : undefined

const seconds = (us: number | undefined): number | undefined => (us === undefined ? undefined : us / 1e6)

const folders = async (path: string): Promise<string[]> =>
  (await readdir(path, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()

const inodes = async (folder: string, depth: number): Promise<bigint[]> => {
  const own = await stat(folder, { bigint: true }).catch(() => undefined)
  if (!own || depth === 0) return []
  const below = await Promise.all((await folders(folder)).slice(0, WIDTH).map((name) => inodes(join(folder, name), depth - 1)))
  return [own.ino, ...below.flat()]
}

const usageOf = async (root: string, path: string, name: string, kind: CgroupUsage['kind']): Promise<CgroupUsage | undefined> => {
  const folder = join(root, path)
  const read = (file: string) => readFile(join(folder, file), 'utf8').catch(() => undefined)
  const ids = await inodes(folder, DEPTH)
  if (ids.length === 0) return undefined // removed meanwhile
  const [cpuText, memoryText, statText, limitText, pidsText] = await Promise.all(
    ['cpu.stat', 'memory.current', 'memory.stat', 'memory.max', 'pids.current'].map(read),
  )
  const [cpu, memory, inactive] = [table(cpuText), number(memoryText), table(statText)['inactive_file']]
  const [limit, tasks, podUid] = [number(limitText), number(pidsText), readPod(components(path))?.uid]
  return Object.fromEntries(
    Object.entries({
      path,
      ids,
      name,
      kind,
      podUid,
      cpuSeconds: seconds(cpu['usage_usec']),
      cpuUserSeconds: seconds(cpu['user_usec']),
      cpuSystemSeconds: seconds(cpu['system_usec']),
      throttledSeconds: seconds(cpu['throttled_usec']),
      memoryBytes: memory,
      workingSetBytes: memory === undefined ? undefined : Math.max(0, memory - (inactive ?? 0)),
      memoryLimitBytes: limit,
      tasks,
    }).filter(([, value]) => value !== undefined),
  ) as unknown as CgroupUsage
}

/** Containers, services and scopes below `root`, at most so many, in the order of their paths; `leftOut`: how many more there are. */
export async function readUsage(
  root: string,
  most: number,
): Promise<{ readonly cgroups: readonly CgroupUsage[]; readonly leftOut: number }> {
  const found: { readonly path: string; readonly name: string; readonly kind: CgroupUsage['kind'] }[] = []
  const walk = async (path: string): Promise<void> => {
    const parts = components(path)
    const last = parts.at(-1) ?? ''
    const container = readContainers(parts).chain.at(-1)
    if (container && container.index === parts.length - 1) {
      found.push({ path, name: container.shortId, kind: 'container' })
      return
    }
    if (/\.(service|scope)$/.test(last)) {
      // Not the end: a user's manager holds units, and containers may be below any unit.
      found.push({ path, name: last, kind: 'unit' })
    }
    if (parts.length >= DEPTH) return
    for (const name of (await folders(join(root, path))).slice(0, WIDTH)) await walk(`${path}/${name}`)
  }
  await walk('')
  const usages = await Promise.all(found.slice(0, most).map(({ path, name, kind }) => usageOf(root, path, name, kind)))
  return { cgroups: usages.filter((usage) => usage !== undefined), leftOut: Math.max(0, found.length - most) }
}
