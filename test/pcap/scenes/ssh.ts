// SPDX-License-Identifier: Apache-2.0
// SSH: OpenSSH and Dropbear as servers and clients.
import { spawnSync } from 'node:child_process'
import { dropbear, sshd } from '../../lib/servers/system.js'
import type { Expect, Scene, Stage } from '../scene.js'

const OPENSSH = `SSH-2.0-${version(['ssh', '-V'])}`

/** What OpenSSH says of itself, Debian's suffix included. */
function version(argv: [string, string]): string {
  const { stderr } = spawnSync(argv[0], [argv[1]], { encoding: 'utf8' })
  return stderr.split(',')[0] as string
}

const both = (port: number): Scene => ({
  name: `ssh-${port}`,
  about: 'login and a command by key, key scan, a banner grab, a wrong protocol spoken to the server',
  async run(s: Stage) {
    const server = await sshd(s.serverNs, s.dir, port)
    await s.keep(server.proc)
    const other = await dropbear(s.serverNs, s.dir, port + 1)
    await s.keep(other.proc)
    const options = [
      '-F',
      'none',
      '-o',
      'StrictHostKeyChecking=no',
      '-o',
      'UserKnownHostsFile=/dev/null',
      '-o',
      'BatchMode=yes',
      '-i',
      server.identity,
    ]
    await s.ask(['ssh', ...options, '-p', String(port), `root@${s.server.v4}`, 'true'])
    await s.ask(['ssh', ...options, '-p', String(port), `root@${s.server.v6}`, 'echo hello'])
    await s.ask(['ssh-keyscan', '-t', 'ed25519', '-p', String(port), s.server.v4])
    await s.say(port, '')
    await s.say(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await s.ask(['dbclient', '-y', '-y', '-p', String(port), `root@${s.server.v4}`, 'true'], { codes: [] })
    await s.ask(['ssh', ...options, '-p', String(port + 1), `root@${s.server.v4}`, 'true'], { codes: [] })
    await s.ask(['dbclient', '-y', '-y', '-p', String(port + 1), `root@${s.server.v4}`, 'true'], { codes: [] })
    const one = (labels: Record<string, string> = {}): Expect => ({ port, protocol: 'ssh', labels })
    const bear = 'SSH-2.0-dropbear_2022.83'
    return [
      one({ 'ssh.client.software': OPENSSH, 'ssh.server.software': OPENSSH }),
      one({ 'ssh.client.software': OPENSSH, 'ssh.server.software': OPENSSH }),
      one({ 'ssh.server.software': OPENSSH }),
      one({ 'ssh.server.software': OPENSSH }),
      one({ 'ssh.server.software': OPENSSH }),
      one({ 'ssh.client.software': bear, 'ssh.server.software': OPENSSH }),
      { port: port + 1, protocol: 'ssh', labels: { 'ssh.client.software': OPENSSH, 'ssh.server.software': bear } },
      { port: port + 1, protocol: 'ssh', labels: { 'ssh.client.software': bear, 'ssh.server.software': bear } },
    ]
  },
})

export const SSH: readonly Scene[] = [both(22), both(8000)]
