// SPDX-License-Identifier: Apache-2.0
// Data stores with data directories made on the spot: Redis, PostgreSQL, MariaDB, memcached.
import { chmodSync, readdirSync } from 'node:fs'
import { listening, Proc, run, until } from '../process.js'
import type { KeyPair, TempDir } from '../temp.js'

export async function redis(
  netns: string | undefined,
  dir: TempDir,
  port: number,
  extra: readonly string[] = [],
  cgroup?: string,
): Promise<Proc> {
  const home = dir.dir(`redis-${port}`)
  const args = ['--port', String(port), '--dir', home, '--save', '', '--protected-mode', 'no', '--bind', '* -::*']
  const proc = new Proc(['redis-server', ...args, ...extra], { netns, cgroup })
  await listening(proc, port)
  return proc
}

function newest(root: string): string {
  const versions = readdirSync(root).sort((a, b) => Number(b) - Number(a))
  return `${root}/${versions[0]}/bin`
}

/** Directory of PostgreSQL's programs. */
export const postgresBin = (): string => newest('/usr/lib/postgresql')

/** PostgreSQL as user postgres, which is also the database's superuser; trusts every client. */
export async function postgres(netns: string | undefined, dir: TempDir, port: number, keys?: KeyPair, cgroup?: string): Promise<Proc> {
  const home = dir.dir(`postgres-${port}`)
  await run(['chown', 'postgres:postgres', home])
  const data = `${home}/data`
  const bin = postgresBin()
  await run([`${bin}/initdb`, '-D', data, '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N', '-U', 'postgres'], {
    user: 'postgres',
    cwd: home,
  })
  await run([
    'sh',
    '-c',
    `echo 'host all all all trust
host replication all all trust' >> ${data}/pg_hba.conf`,
  ])
  const settings = [
    'listen_addresses=*',
    `port=${port}`,
    `unix_socket_directories=${home}`,
    'fsync=off',
    'shared_buffers=8MB',
    'autovacuum=off',
  ]
  if (keys !== undefined) {
    await run([
      'sh',
      '-c',
      `cp ${keys.key} ${home}/key && cp ${keys.cert} ${home}/cert && chmod 600 ${home}/key && chown postgres ${home}/key ${home}/cert`,
    ])
    settings.push('ssl=on', `ssl_key_file=${home}/key`, `ssl_cert_file=${home}/cert`)
  }
  const proc = new Proc([`${bin}/postgres`, '-D', data, ...settings.flatMap((s) => ['-c', s])], {
    netns,
    user: 'postgres',
    cwd: home,
    cgroup,
  })
  await listening(proc, port)
  await until('postgres to accept', () => proc.stderr.includes('ready to accept connections'))
  return proc
}

/** MariaDB as user mysql; account `app` with password `secret` and database `shop`. */
export async function mariadb(netns: string | undefined, dir: TempDir, port: number, keys?: KeyPair, cgroup?: string): Promise<Proc> {
  const home = dir.dir(`mariadb-${port}`)
  const init = dir.file(
    `mariadb-${port}.sql`,
    // One statement a line: the server reads no more from a line than the first.
    `CREATE DATABASE shop;
CREATE TABLE shop.item (id INT PRIMARY KEY, name TEXT);
INSERT INTO shop.item VALUES (1,'one'),(2,'two');
CREATE USER app IDENTIFIED BY 'secret';
GRANT ALL ON *.* TO app;
`,
  )
  chmodSync(init, 0o644)
  await run(['chown', 'mysql:mysql', home])
  const common = ['--no-defaults', `--datadir=${home}/data`, `--tmpdir=${home}`]
  await run(
    [
      'mariadb-install-db',
      ...common,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--innodb-log-file-size=4M',
      '--innodb-buffer-pool-size=8M',
    ],
    { user: 'mysql', cwd: home, limit: 60_000 },
  )
  const small = [
    '--innodb-buffer-pool-size=8M',
    '--innodb-log-file-size=4M',
    '--innodb-flush-log-at-trx-commit=0',
    '--performance-schema=off',
    '--skip-name-resolve',
  ]
  const tls = keys === undefined ? [] : [`--ssl-cert=${keys.cert}`, `--ssl-key=${keys.key}`]
  const net = [`--port=${port}`, `--socket=${home}/sock`, `--pid-file=${home}/pid`, '--bind-address=*', `--init-file=${init}`]
  const proc = new Proc(['mariadbd', ...common, ...small, ...tls, ...net], { netns, user: 'mysql', cwd: home, cgroup })
  await listening(proc, port)
  await until('mariadb to accept', () => proc.stderr.includes('ready for connections'), 30_000)
  return proc
}

export async function memcached(netns: string | undefined, port: number, udp = 0): Promise<Proc> {
  const proc = new Proc(['memcached', '-u', 'root', '-p', String(port), '-U', String(udp), '-l', '0.0.0.0,::', '-m', '8', '-t', '1'], {
    netns,
  })
  await listening(proc, port)
  return proc
}
