// SPDX-License-Identifier: Apache-2.0
// The addon without privileges: what it exports, its errors, worker threads, and that its build has one source list.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import type { NativeError } from '../../native/addon.js'
import { loadAddon } from '../../src/kernel/native-kernel.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const library = join(root, 'build/Release/flowident.node')
const addon = loadAddon({})
const text = (path: string): string => readFileSync(join(root, path), 'utf8')

describe('exports', () => {
  test('are those that addon.d.ts declares', () => {
    const declared = text('native/addon.d.ts').match(/export interface Addon \{([\s\S]*)\n\}/)![1]!
    const names = [...declared.matchAll(/^ {2}(\w+)\(/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(6)
    expect(Object.keys(addon).sort()).toEqual(names.sort())
  })

  test('version names libbpf and the ABI that abi.h has', () => {
    expect(addon.version().libbpf).toMatch(/^v\d+\.\d+/)
    expect(addon.version().abi).toBe(Number(text('bpf/abi.h').match(/#define FI_ABI_VERSION (\d+)/)![1]))
  })

  test('nothing of the C++ runtime or libbpf is needed from other versions of it', () => {
    const { stdout } = spawnSync('readelf', ['-d', library], { encoding: 'utf8' })
    const needed = [...stdout.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name)
    expect(needed).not.toContain('libstdc++.so.6')
    expect(needed).not.toContain('libgcc_s.so.1')
  })
})

describe('errors', () => {
  test('of the system have code, errno, operation and object', async () => {
    const error = (await addon.openKernel({ object: '/nowhere/object.o' }).catch((e: unknown) => e)) as NativeError
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ code: 'ENOENT', errno: 2, op: 'open', object: '/nowhere/object.o' })
    expect(error.message).toMatch(/^open \/nowhere\/object\.o: ENOENT, /)
    expect(() => addon.peerCredentials(9999)).toThrow(expect.objectContaining({ code: 'EBADF', errno: 9, object: 'fd 9999' }))
  })

  test('of the caller are TypeErrors', () => {
    const any = addon as unknown as Record<string, (...args: unknown[]) => unknown>
    expect(() => any['openKernel']!()).toThrow(TypeError)
    expect(() => any['openKernel']!({ without: 'fi_xdp' })).toThrow(/list of program names/)
    expect(() => any['openKernel']!({ constants: { x: 'y' } })).toThrow(/constant x must be a number/)
    expect(() => any['sdNotify']!(1)).toThrow(TypeError)
    expect(() => any['peerCredentials']!('1')).toThrow(TypeError)
  })
})

describe('probe', () => {
  test('answers for every feature, privileged or not, and says what it found', async () => {
    const all = await addon.probe()
    const names = all.map((each) => each.feature)
    for (const name of [
      'xdp',
      'tcx',
      'clsact',
      'cgroup_skb',
      'ring buffer',
      'atomic instructions',
      'socket storage',
      'tp_btf',
      'cgroup2 mount',
      'lockdown',
    ])
      expect(names).toContain(name)
    expect(new Set(names).size).toBe(names.length)
    for (const each of all.filter((result) => !result.ok)) expect(each.errno).toBeGreaterThan(0)
  })

  test('a process without rights is told which ones it lacks', () => {
    const script = `require(${JSON.stringify(library)}).probe().then((all) => console.log(JSON.stringify(all)))`
    const bare = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'] : []
    const [command, ...args] = [...bare, process.execPath, '-e', script]
    const { stdout, stderr } = spawnSync(command!, args, { encoding: 'utf8' })
    expect(stderr).toBe('')
    const all = JSON.parse(stdout) as Awaited<ReturnType<typeof addon.probe>>
    expect(all.find((each) => each.feature === 'capabilities')).toMatchObject({
      ok: false,
      detail: 'missing: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON',
    })
    expect(all.find((each) => each.feature === 'xdp')).toMatchObject({ ok: false, errno: 1 })
  })
})

describe('host', () => {
  test('sdNotify writes one datagram, to a path or an abstract name', () => {
    expect(addon.sdNotify('READY=1')).toBe(false)
    const folder = mkdtempSync(join(tmpdir(), 'flowident-native-'))
    // Node has no datagram unix sockets: python listens, node notifies.
    const python = `import os, socket, subprocess, sys
for name in [sys.argv[1] + '/notify', '@flowident-native-${process.pid}']:
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name.replace('@', chr(0)))
    s.settimeout(5)
    os.environ['NOTIFY_SOCKET'] = name
    script = "process.exit(require(process.argv[1]).sdNotify('READY=1\\\\nSTATUS=ok') === true ? 0 : 1)"
    assert subprocess.run([sys.argv[2], '-e', script, sys.argv[3]]).returncode == 0
    print(repr(s.recv(100)))
`
    const { stdout, stderr } = spawnSync('python3', ['-c', python, folder, process.execPath, library], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect(stderr).toBe('')
    expect(stdout).toBe("b'READY=1\\nSTATUS=ok'\nb'READY=1\\nSTATUS=ok'\n")
    const script = `try { require(process.argv[1]).sdNotify('x') } catch (e) { console.log(e.code, e.op) }`
    const bad = spawnSync(process.execPath, ['-e', script, library], { env: { NOTIFY_SOCKET: 'relative' }, encoding: 'utf8' })
    expect(bad.stdout).toBe('EINVAL notify\n')
  })

  test('peerCredentials tells who is at the other end of a unix socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'flowident-native-')), 'peer')
    const server = createServer()
    await new Promise<void>((done) => server.listen(path, done))
    try {
      const connected = new Promise<Socket>((done) => server.once('connection', done))
      const script = `const s = require('net').connect(${JSON.stringify(path)}); s.on('close', () => {}); s.on('data', () => s.destroy())`
      const child = spawn(process.execPath, ['-e', script])
      const socket = await connected
      const fd = (socket as unknown as { _handle: { fd: number } })._handle.fd
      expect(addon.peerCredentials(fd)).toEqual({ pid: child.pid, uid: process.getuid!(), gid: process.getgid!() })
      const exited = new Promise((done) => child.once('exit', done))
      socket.end('bye')
      await exited
    } finally {
      await new Promise((done) => server.close(done))
      rmSync(dirname(path), { recursive: true })
    }
  })
})

describe('worker threads', () => {
  test('each loads the addon for itself, works, and ends', async () => {
    const body = `const { parentPort, workerData } = require('node:worker_threads')
      const addon = require(workerData)
      const replay = addon.createReplay({})
      replay.feed(new Uint8Array(3))
      addon.probe().then((all) => parentPort.postMessage(all.length))`
    const one = () =>
      new Promise<[number, number]>((done, failed) => {
        let answer = 0
        const worker = new Worker(body, { eval: true, workerData: library })
        worker
          .on('message', (n: number) => (answer = n))
          .on('error', failed)
          .on('exit', (code) => done([answer, code]))
      })
    for (const [answer, code] of await Promise.all([one(), one(), one()])) {
      expect(answer).toBe((await addon.probe()).length)
      expect(code).toBe(0)
    }
  })

  test('a worker that is terminated in the middle of a job', async () => {
    const worker = new Worker(`require(require('node:worker_threads').workerData).probe().then(() => {})`, {
      eval: true,
      workerData: library,
    })
    await new Promise((done) => worker.once('online', done))
    expect(await worker.terminate()).toBeTypeOf('number')
  })
})

describe('build', () => {
  test('binding.gyp builds nothing itself, and every native source is CMake’s by its place', () => {
    const shim = text('binding.gyp')
    expect(shim).toMatch(/"type": "none"/)
    expect(shim).not.toMatch(/"sources"/)
    expect(shim).toContain('"cmake-js", "compile", "-O", "build/cmake"')
    const commands = JSON.parse(text('build/cmake/compile_commands.json')) as { file: string }[]
    const compiled = new Set(commands.map((each) => each.file))
    const sources = readdirSync(join(root, 'native')).filter((name) => /\.(cc|c)$/.test(name))
    expect(sources.length).toBeGreaterThan(10)
    for (const name of sources) expect(compiled).toContain(join(root, 'native', name))
  })

  test('src/gen/abi.ts is what the object and abi.h say', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/gen-abi.mjs'), '--check'], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})
