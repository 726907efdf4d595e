// SPDX-License-Identifier: Apache-2.0
// Sockets of SSH sessions in which somebody is logged in, served by OpenSSH.
import { readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** Of `sshd: alice@pts/0`, or `sshd: alice` while only ports are forwarded. Whoever is not logged in yet has a title that ends in a
 * bracket (`[preauth]`, `[net]`, `[accepted]`), and anybody can connect: those must not be able to hold up a change of rules. */
const LOGGED_IN = /^sshd(?:-session)?: [^[\]]+$/
const SERVERS = new Set(['sshd', 'sshd-session'])

async function isSession(folder: string): Promise<boolean> {
  if (!SERVERS.has((await readFile(join(folder, 'comm'), 'utf8')).trim())) return false
  // A title alone is what any process may call itself; the file that it runs is not.
  const file = (await readlink(join(folder, 'exe'))).replace(/ \(deleted\)$/, '')
  if (!SERVERS.has(basename(file))) return false
  const [title = ''] = (await readFile(join(folder, 'cmdline'), 'utf8')).split('\0')
  return LOGGED_IN.test(title.trim())
}

async function socketsOf(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'fd'))
  const links = await Promise.all(names.map((name) => readlink(join(folder, 'fd', name)).catch(() => '')))
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? [])
}

/** Inodes of the sockets that these sessions hold, in whatever network namespace. */
export async function sshSessionSockets(proc: string): Promise<Set<string>> {
  const found = new Set<string>()
  const names = await readdir(proc).catch(() => [])
  for (const name of names.filter((each) => /^[1-9]\d*$/.test(each))) {
    const folder = join(proc, name)
    try {
      if (await isSession(folder)) for (const inode of await socketsOf(folder)) found.add(inode)
    } catch {
      // ended meanwhile, or not ours to read
    }
  }
  return found
}
