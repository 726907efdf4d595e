// SPDX-License-Identifier: Apache-2.0
// Web servers with configurations made on the spot: nginx, nghttpd, HAProxy.
import { listening, Proc } from '../process.js'
import type { KeyPair, TempDir } from '../temp.js'

export interface Site {
  port: number
  /** Words after the port on the listen line: `ssl`, `http2`, `proxy_protocol`. */
  options?: string
}

/** nginx on all addresses of its namespace; `/` answers a short text, `/big` 3000 bytes, `/upload` takes a body. */
export async function nginx(
  netns: string | undefined,
  dir: TempDir,
  sites: readonly Site[],
  keys?: KeyPair,
  workers = 1,
  cgroup?: string,
): Promise<Proc> {
  const home = dir.dir(`nginx-${sites.map((s) => s.port).join('-')}`)
  const listen = sites.flatMap((s) => [`listen ${s.port} ${s.options ?? ''};`, `listen [::]:${s.port} ${s.options ?? ''};`])
  const tls = keys === undefined ? '' : `ssl_certificate ${keys.cert}; ssl_certificate_key ${keys.key}; ssl_protocols TLSv1.2 TLSv1.3;`
  const conf = dir.file(
    `nginx-${sites[0]?.port}.conf`,
    `daemon off; user root; worker_processes ${workers}; pid ${home}/pid; error_log ${home}/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fcgi;
  uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi; server_tokens on; keepalive_requests 1000;
  server {
    ${listen.join(' ')} ${tls}
    location / { default_type text/plain; return 200 "flowident\\n"; }
    location = /big { default_type application/octet-stream; return 200 "${'0123456789'.repeat(300)}"; }
    location = /upload { default_type application/json; return 201 "{\\"ok\\":true}"; }
    location = /moved { return 301 /; }
  }
}
`,
  )
  const proc = new Proc(['nginx', '-c', conf, '-p', home, '-e', `${home}/error.log`], { netns, cgroup })
  for (const s of sites) await listening(proc, s.port)
  return proc
}

/** nghttpd, which speaks HTTP/2 by prior knowledge and, with keys, over TLS. */
export async function nghttpd(netns: string | undefined, dir: TempDir, port: number, keys?: KeyPair): Promise<Proc> {
  const root = dir.dir('htdocs')
  dir.file('htdocs/index.html', '<p>flowident</p>\n')
  dir.file('htdocs/big.txt', '0123456789'.repeat(300))
  const secure = keys === undefined ? ['--no-tls'] : []
  const pair = keys === undefined ? [] : [keys.key, keys.cert]
  const proc = new Proc(['nghttpd', ...secure, '-d', root, String(port), ...pair], { netns })
  await listening(proc, port)
  return proc
}

/** HAProxy in TCP or HTTP mode in front of one server; `send` adds a PROXY header of that version. */
export async function haproxy(
  netns: string | undefined,
  dir: TempDir,
  options: { port: number; to: string; mode: 'tcp' | 'http'; send?: 1 | 2 },
): Promise<Proc> {
  const send = options.send === undefined ? '' : options.send === 1 ? 'send-proxy' : 'send-proxy-v2'
  const conf = dir.file(
    `haproxy-${options.port}.cfg`,
    `defaults
  mode ${options.mode}
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen front
  bind :::${options.port} v4v6
  server back ${options.to} ${send}
`,
  )
  const proc = new Proc(['haproxy', '-db', '-f', conf], { netns })
  await listening(proc, options.port)
  return proc
}
