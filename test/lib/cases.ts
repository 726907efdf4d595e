// SPDX-License-Identifier: Apache-2.0
// Real services for the live tests: how to start each, how to be its client, and what every flow to it is.
import { app, appArgv } from './app.js'
import type { Known, KnownOwner } from './compare.js'
import { listening, type Proc, type StartOptions } from './process.js'
import { mariadb, postgres, postgresBin, redis } from './servers/data.js'
import { dropbear, named, type Shell, sshd, unbound } from './servers/system.js'
import { nginx } from './servers/web.js'
import { keyPair, type TempDir } from './temp.js'

export interface Place {
  netns: string
  dir: TempDir
  cgroup: string
}

/** One client run against a server: makes exactly one flow to the port. */
export interface Visit extends Known {
  name: string
  transport?: 'tcp' | 'udp'
  argv(address: string, port: number): string[]
  env?: Record<string, string>
  /** Exit codes that are fine; 0 when left out. */
  codes?: number[]
  client: KnownOwner
}

export interface Case {
  name: string
  ports: readonly [usual: number, odd: number]
  start(at: Place, port: number): Promise<Proc>
  server: KnownOwner
  /** One process serves: its pid is the one that was started. */
  single?: boolean
  visits: Visit[]
}

const host = (address: string): string => (address.includes(':') ? `[${address}]` : address)
const NODE = { exe: /\/node$/ }
const DIG = { exe: /\/dig$/, command: /^dig / }
const CURL = { exe: /\/curl$/, command: /^curl / }

async function nodeServer(at: Place, port: number, name: string): Promise<Proc> {
  const options: StartOptions = { netns: at.netns, cwd: at.dir.path, cgroup: at.cgroup }
  const proc = app(options, name, 'serve', port)
  await listening(proc, port)
  return proc
}

/** The key that logs in to both shells; made by the first of them. */
const loginKey = (dir: TempDir): string => dir.file('id')
const shell = async (made: Promise<Shell>): Promise<Proc> => (await made).proc

const ssh = (dir: TempDir, server: RegExp): Visit => ({
  name: 'login',
  protocol: 'ssh',
  labels: { 'ssh.client.software': /OpenSSH/, 'ssh.server.software': server },
  argv: (address, port) => [
    ...['ssh', '-F', 'none', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'BatchMode=yes'],
    ...['-i', loginKey(dir), '-p', String(port), `root@${address}`, 'true'],
  ],
  codes: [0, 255], // Dropbear knows no key of ours and refuses: the flow is SSH all the same
  client: { exe: /\/ssh$/, command: /^ssh .*StrictHostKeyChecking/ },
})

const dig = (name: string, type: string, tcp: boolean): Visit => ({
  name: tcp ? 'tcp' : 'udp',
  protocol: 'dns',
  transport: tcp ? 'tcp' : 'udp',
  labels: { 'dns.question.name': name, 'dns.question.type': type, 'dns.response_code': 'NOERROR' },
  argv: (address, port) => ['dig', '+tries=1', '+timeout=3', tcp ? '+tcp' : '+notcp', '-p', String(port), `@${address}`, name, type],
  client: DIG,
})

export function cases(dir: TempDir): Case[] {
  return [
    {
      name: 'nginx http1',
      ports: [80, 5433],
      start: (at, port) => nginx(at.netns, at.dir, [{ port }], undefined, 2, at.cgroup),
      server: { exe: /\/nginx$/, command: /^nginx: worker process/ },
      visits: [
        {
          name: 'get',
          protocol: 'http1',
          labels: { 'http.host': 'web.example.test', 'http.request.method': 'GET', 'url.path': '/big' },
          argv: (a, p) => ['curl', '-s', '-g', '-H', 'Host: web.example.test', `http://${host(a)}:${p}/big`],
          client: CURL,
        },
      ],
    },
    {
      name: 'nginx http2',
      ports: [8080, 3307],
      start: (at, port) => nginx(at.netns, at.dir, [{ port, options: 'http2' }], undefined, 1, at.cgroup),
      server: { exe: /\/nginx$/ },
      visits: [
        {
          name: 'get',
          protocol: 'http2',
          labels: { 'http.host': 'web.example.test', 'http.request.method': 'GET' },
          argv: (a, p) => ['curl', '-s', '-g', '--http2-prior-knowledge', '-H', 'Host: web.example.test', `http://${host(a)}:${p}/`],
          client: CURL,
        },
      ],
    },
    {
      name: 'nginx tls',
      ports: [443, 8001],
      start: async (at, port) =>
        nginx(at.netns, at.dir, [{ port, options: 'ssl http2' }], await keyPair(at.dir, `tls${port}`, 'web.example.test'), 1, at.cgroup),
      server: { exe: /\/nginx$/ },
      visits: [
        {
          name: 'get',
          protocol: 'tls',
          labels: { 'tls.sni': 'web.example.test', 'tls.alpn': 'h2,http/1.1', 'tls.protocol.version': '1.3' },
          argv: (a, p) => ['curl', '-sk', '--resolve', `web.example.test:${p}:${a}`, `https://web.example.test:${p}/`],
          client: CURL,
        },
      ],
    },
    {
      name: 'grpc-js',
      ports: [50051, 6380],
      start: (at, port) => nodeServer(at, port, 'grpc'),
      server: NODE,
      single: true,
      visits: [
        {
          name: 'calls',
          protocol: 'grpc',
          layers: ['http2', 'grpc'],
          labels: { 'rpc.service': 'demo.v1.Echo', 'rpc.method': 'Once' },
          argv: (a, p) => appArgv('grpc', 'call', `${host(a)}:${p}`, 'Once', 'Stream', 'Chat'),
          client: NODE,
        },
      ],
    },
    {
      name: 'ws',
      ports: [8081, 11211],
      start: (at, port) => nodeServer(at, port, 'websocket'),
      server: NODE,
      single: true,
      visits: [
        {
          name: 'subprotocol',
          protocol: 'websocket',
          layers: ['http1', 'websocket'],
          labels: { 'websocket.subprotocol': 'chat.v2' },
          argv: (a, p) => appArgv('websocket', 'plain', `ws://${host(a)}:${p}/chat`, 'chat.v2', 'chat.v1'),
          client: NODE,
        },
      ],
    },
    {
      name: 'bind',
      ports: [53, 9053],
      start: (at, port) => named(at.netns, at.dir, port, at.cgroup),
      server: { exe: /\/named$/, command: /^named -g/ },
      single: true,
      visits: [dig('www.example.test', 'AAAA', false), dig('mail.example.test', 'MX', true)],
    },
    {
      name: 'unbound',
      ports: [5300, 25],
      start: (at, port) => unbound(at.netns, at.dir, port, at.cgroup),
      server: { exe: /\/unbound$/ },
      single: true,
      visits: [dig('cache.example.test', 'A', false), dig('cache.example.test', 'A', true)],
    },
    {
      name: 'redis',
      ports: [6379, 444],
      start: (at, port) => redis(at.netns, at.dir, port, [], at.cgroup),
      server: { exe: /\/redis-/ },
      single: true,
      visits: [
        {
          name: 'set',
          protocol: 'redis',
          labels: { 'db.operation.name': 'SET' },
          argv: (a, p) => ['redis-cli', '-h', a, '-p', String(p), 'SET', 'greeting', 'hello'],
          client: { exe: /\/redis-cli$/, command: /^redis-cli .* SET greeting hello$/ },
        },
      ],
    },
    {
      name: 'postgres',
      ports: [5432, 8181],
      start: (at, port) => postgres(at.netns, at.dir, port, undefined, at.cgroup),
      server: { exe: /\/postgres$/ },
      visits: [
        {
          name: 'select',
          protocol: 'postgresql',
          labels: { 'db.user': 'postgres', 'db.namespace': 'postgres' },
          argv: (a, p) => [`${postgresBin()}/psql`, '-X', '-h', a, '-p', String(p), '-c', 'SELECT 1'],
          env: { PGSSLMODE: 'disable', PGUSER: 'postgres', PGDATABASE: 'postgres' },
          client: { exe: /\/psql$/ },
        },
      ],
    },
    {
      name: 'mariadb',
      ports: [3306, 9418],
      start: (at, port) => mariadb(at.netns, at.dir, port, undefined, at.cgroup),
      server: { exe: /\/mariadbd$/ },
      single: true,
      visits: [
        {
          name: 'select',
          protocol: 'mysql',
          labels: { 'db.user': 'app', 'db.namespace': 'shop' },
          argv: (a, p) => [
            'mariadb',
            '--no-defaults',
            '-h',
            a,
            '-P',
            String(p),
            '-uapp',
            '-psecret',
            '--protocol=tcp',
            '--skip-ssl',
            'shop',
            '-e',
            'SELECT * FROM item',
          ],
          client: { exe: /\/mariadb$/ },
        },
      ],
    },
    {
      name: 'openssh',
      ports: [22, 8443],
      start: (at, port) => shell(sshd(at.netns, at.dir, port, [], at.cgroup)),
      server: { exe: /\/sshd$/ },
      visits: [ssh(dir, /OpenSSH/)],
    },
    {
      name: 'dropbear',
      ports: [2222, 26],
      start: (at, port) => shell(dropbear(at.netns, at.dir, port, at.cgroup)),
      server: { exe: /\/dropbear$/ },
      visits: [ssh(dir, /dropbear/)],
    },
  ]
}
