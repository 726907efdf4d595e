// SPDX-License-Identifier: Apache-2.0
// Name servers, secure shells and brokers with configurations made on the spot.
import { chmodSync } from 'node:fs'
import { listening, Proc, run } from '../process.js'
import type { KeyPair, TempDir } from '../temp.js'

/** Answers of more than 1232 bytes: truncated over UDP, or fragmented when the client allows it. */
const BIG = Array.from({ length: 24 }, (_, i) => `big IN TXT "${String(i).padStart(2, '0')}-${'x'.repeat(90)}"`).join('\n')

const ZONE = `$TTL 60
@ IN SOA ns.example.test. admin.example.test. 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.53
www IN A 192.0.2.80
www IN AAAA 2001:db8::80
www IN HTTPS 1 . alpn=h2,h3
alias IN CNAME www
mail IN MX 10 mx
@ IN MX 10 mx
mx IN A 192.0.2.25
@ IN TXT "v=spf1 -all"
_ldap._tcp IN SRV 0 5 389 ns
@ IN CAA 0 issue "ca.example.test"
`

/** BIND, serving the zone example.test. */
export async function named(netns: string | undefined, dir: TempDir, port: number, cgroup?: string): Promise<Proc> {
  const home = dir.dir(`named-${port}`)
  dir.file('example.test.zone', `${ZONE}${BIG}\n`)
  dir.file(
    'reverse.zone',
    `$TTL 60\n@ IN SOA ns.example.test. a.example.test. 1 60 60 60 60\n@ IN NS ns.example.test.\n80 IN PTR www.example.test.\n`,
  )
  const conf = dir.file(
    `named-${port}.conf`,
    `options { directory "${home}"; pid-file none; listen-on port ${port} { any; }; listen-on-v6 port ${port} { any; };
  recursion no; dnssec-validation no; max-udp-size 4096; edns-udp-size 4096; allow-transfer { any; }; empty-zones-enable no; session-keyfile none; minimal-responses no; };
controls { };
zone "example.test" { type primary; file "${dir.file('example.test.zone')}"; };
zone "2.0.192.in-addr.arpa" { type primary; file "${dir.file('reverse.zone')}"; };
`,
  )
  const proc = new Proc(['named', '-g', '-n', '1', '-c', conf], { netns, cgroup })
  await listening(proc, port)
  await listening(proc, port, 'udp')
  return proc
}

/** Unbound with local data only, so that it asks nobody. */
export async function unbound(netns: string | undefined, dir: TempDir, port: number, cgroup?: string): Promise<Proc> {
  const conf = dir.file(
    `unbound-${port}.conf`,
    `server:
  interface: 0.0.0.0
  interface: ::0
  port: ${port}
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  module-config: "iterator"
  local-zone: "." static
  local-data: "cache.example.test. 60 IN A 192.0.2.99"
remote-control:
  control-enable: no
`,
  )
  const proc = new Proc(['unbound', '-d', '-c', conf], { netns, cgroup })
  await listening(proc, port)
  await listening(proc, port, 'udp')
  return proc
}

export interface Shell {
  proc: Proc
  /** Private key that may log in as root. */
  identity: string
}

async function identity(dir: TempDir): Promise<string> {
  const key = dir.file('id')
  await run(['sh', '-c', `[ -e ${key} ] || ssh-keygen -q -t ed25519 -N '' -f ${key}`])
  return key
}

/** OpenSSH; root logs in with the key only. */
export async function sshd(
  netns: string | undefined,
  dir: TempDir,
  port: number,
  extra: readonly string[] = [],
  cgroup?: string,
): Promise<Shell> {
  const key = await identity(dir)
  const host = dir.file(`sshd-${port}.key`)
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', host])
  await run(['mkdir', '-p', '/run/sshd'])
  const conf = dir.file(
    `sshd-${port}.conf`,
    `Port ${port}\nHostKey ${host}\nPidFile none\nUsePAM no\nAuthorizedKeysFile ${key}.pub\nStrictModes no\nPermitRootLogin prohibit-password\nPrintMotd no\n${extra.join('\n')}\n`,
  )
  const proc = new Proc(['/usr/sbin/sshd', '-D', '-e', '-f', conf], { netns, cgroup })
  await listening(proc, port)
  return { proc, identity: key }
}

export async function dropbear(netns: string | undefined, dir: TempDir, port: number, cgroup?: string): Promise<Shell> {
  const host = dir.file(`dropbear-${port}.key`)
  await run(['dropbearkey', '-t', 'ed25519', '-f', host])
  const proc = new Proc(['dropbear', '-F', '-E', '-r', host, '-p', String(port), '-P', dir.file(`dropbear-${port}.pid`)], { netns, cgroup })
  await listening(proc, port)
  return { proc, identity: await identity(dir) }
}

/** Mosquitto; anonymous clients welcome. */
export async function mosquitto(netns: string | undefined, dir: TempDir, port: number, options: { keys?: KeyPair } = {}): Promise<Proc> {
  const tls = options.keys === undefined ? '' : `certfile ${options.keys.cert}\nkeyfile ${options.keys.key}\n`
  const conf = dir.file(`mosquitto-${port}.conf`, `user root\nlistener ${port}\n${tls}allow_anonymous true\npersistence false\n`)
  chmodSync(conf, 0o644)
  const proc = new Proc(['mosquitto', '-c', conf], { netns })
  await listening(proc, port)
  return proc
}
