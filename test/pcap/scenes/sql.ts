// SPDX-License-Identifier: Apache-2.0
// PostgreSQL by psql and pgbench, MariaDB by its own client.
import { mariadb, postgres, postgresBin } from '../../lib/servers/data.js'
import type { Expect, Scene, Stage } from '../scene.js'

const psql = (port: number): Scene => ({
  name: `postgresql-${port}`,
  about: 'plain, SSL refused, SSL, extended protocol, COPY, error, cancel, replication',
  async run(s: Stage) {
    await s.keep(postgres(s.serverNs, s.dir, port))
    await s.keep(postgres(s.serverNs, s.dir, port + 1, await s.keys()))
    const bin = postgresBin()
    const env = (mode: string): Record<string, string> => ({
      PGSSLMODE: mode,
      PGUSER: 'postgres',
      PGDATABASE: 'postgres',
      PGCONNECT_TIMEOUT: '5',
    })
    const sql = (p: number, mode: string, text: string, code = 0, host: string = s.server.v4): Promise<string> =>
      s.ask([`${bin}/psql`, '-X', '-h', host, '-p', String(p), '-c', text], { env: env(mode), codes: [code] })
    await sql(port, 'disable', 'SELECT 1')
    await sql(port, 'prefer', 'CREATE TABLE t (i int, n text)', 0, s.server.v6)
    await sql(port, 'require', 'SELECT 1', 2)
    const script = s.dir.file('bench.sql', '\\set x random(1, 9)\nSELECT :x + 1;\n')
    await s.ask([`${bin}/pgbench`, '-n', '-M', 'prepared', '-t', '3', '-f', script, '-h', s.server.v4, '-p', String(port)], {
      env: env('disable'),
    })
    await s.ask(['sh', '-c', `printf '1\\tone\\n2\\ttwo\\n' | ${bin}/psql -X -h ${s.server.v4} -p ${port} -c 'COPY t FROM STDIN'`], {
      env: env('disable'),
    })
    await sql(port, 'disable', 'SELECT * FROM nowhere', 1)
    await s.ask(['timeout', '-s', 'INT', '0.5', `${bin}/psql`, '-X', '-h', s.server.v4, '-p', String(port), '-c', 'SELECT pg_sleep(9)'], {
      env: env('disable'),
      codes: [],
    })
    await s.ask(
      [`${bin}/psql`, '-X', '-h', s.server.v4, '-p', String(port), '-d', 'dbname=postgres replication=database', '-c', 'IDENTIFY_SYSTEM'],
      { env: env('disable') },
    )
    await sql(port + 1, 'require', 'SELECT 1')
    await sql(port + 1, 'disable', 'SELECT 2')
    const user: Expect = { port, protocol: 'postgresql', labels: { 'db.user': 'postgres', 'db.namespace': 'postgres' } }
    return [
      { ...user, times: 2 },
      { port, protocol: 'postgresql' },
      { ...user, times: 5 },
      { port, protocol: 'postgresql' },
      user,
      { port: port + 1, protocol: 'postgresql', layers: ['postgresql', 'tls'] },
      { ...user, port: port + 1 },
    ]
  },
})

const maria = (port: number): Scene => ({
  name: `mysql-${port}`,
  about: 'plain, SSL, compressed, prepared statement, refused login, banner only',
  async run(s: Stage) {
    await s.keep(mariadb(s.serverNs, s.dir, port, await s.keys()))
    const client = (codes: number[], ...extra: string[]): Promise<string> =>
      s.ask(['mariadb', '--no-defaults', '-h', s.server.v4, '-P', String(port), '-uapp', '--protocol=tcp', ...extra], { codes })
    const plain = ['-psecret', '--skip-ssl', 'shop']
    await client([0], ...plain, '-e', 'SELECT * FROM item')
    await client([0], '-psecret', '--ssl', 'shop', '-e', 'SELECT 1')
    await client([0], ...plain, '--compress', '-e', 'SELECT REPEAT("x", 500)')
    await client([0], ...plain, '-e', 'PREPARE p FROM "SELECT name FROM item WHERE id = ?"; SET @i = 1; EXECUTE p USING @i')
    await client([1], '-pwrong', '--skip-ssl', '-e', 'SELECT 1')
    await s.say(port, '')
    const labels = { 'db.user': 'app', 'db.namespace': 'shop' }
    return [
      { port, protocol: 'mysql', labels },
      { port, protocol: 'mysql', layers: ['mysql', 'tls'] },
      { port, protocol: 'mysql', labels, times: 2 },
      { port, protocol: 'mysql', labels: { 'db.user': 'app' } },
      { port, protocol: 'mysql' },
    ]
  },
})

export const SQL: readonly Scene[] = [psql(5432), psql(80), maria(3306), maria(9999)]
