// SPDX-License-Identifier: Apache-2.0
// Finds and loads the addon, and turns its errors into ours.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errorName, FlowidentError } from '../errors.js'
import type { Addon, Kernel, KernelOptions, KernelSource, NativeError, Probe } from './kernel.js'
import { orphans } from './orphans.js'

/** The folder with our package.json: this file runs from src/kernel/ and, bundled, from dist/ or dist/chunks/. */
export function packageRoot(from: string = fileURLToPath(import.meta.url)): string {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, 'package.json')
    if (existsSync(path) && (JSON.parse(readFileSync(path, 'utf8')) as { name?: string }).name === 'flowident') return folder
    if (folder === dirname(folder)) throw new FlowidentError('addon-missing', `no package.json of flowident above ${from}`)
  }
}

/** Where the addon may be, first match wins. A path given by the user is the only one that is tried. */
export function addonPaths(root: string, env: Readonly<Record<string, string | undefined>>, arch: string = process.arch): string[] {
  const given = env['FLOWIDENT_ADDON']
  if (given !== undefined && given !== '') return [given]
  return [join(root, 'prebuilds', `linux-${arch}`, 'flowident.node'), join(root, 'build', 'Release', 'flowident.node')]
}

export function loadAddon(env: Readonly<Record<string, string | undefined>> = process.env, root: string = packageRoot()): Addon {
  const require = createRequire(import.meta.url)
  const tried: string[] = []
  for (const path of addonPaths(root, env)) {
    if (!existsSync(path)) {
      tried.push(`${path}: no such file`)
      continue
    }
    try {
      const addon = require(path) as Partial<Addon>
      if (typeof addon.openKernel === 'function') return addon as Addon
      tried.push(`${path}: not the addon of flowident`)
    } catch (error) {
      tried.push(`${path}: ${(error as Error).message}`)
    }
  }
  throw new FlowidentError('addon-missing', 'the native addon cannot be loaded', {
    details: tried,
    hint: 'Run `make build` in the source tree, or set FLOWIDENT_ADDON to the path of flowident.node.',
  })
}

/** The words a user needs are the step, its object and the last useful line of the verifier; the rest is in `cause`. */
export function fromNative(thrown: unknown): FlowidentError {
  if (thrown instanceof FlowidentError) return thrown
  const error = thrown as Partial<NativeError> & { message?: string }
  const where = [error.op, error.object].filter((word) => word !== undefined && word !== '').join(' ')
  const message = error.message ?? String(thrown)
  const text = where === '' || message.includes(where) ? message : `${where}: ${message}`
  const details = error.verifierLog === undefined ? [] : error.verifierLog.trimEnd().split('\n').slice(-8)
  const name = errorName(error)
  if (name === 'EBUSY' && error.op === 'lock')
    return new FlowidentError('kernel-failed', `another flowident runs and keeps its programs in ${error.object ?? ''}`, {
      cause: thrown,
      hint: 'Stop it first, or give this one a folder of its own (keep.folder).',
    })
  // EACCES is also what the verifier answers to a program it does not like; then its log says whether rights are the reason.
  if (error.op === 'load object' && !existsSync('/sys/kernel/btf/vmlinux'))
    return new FlowidentError('kernel-failed', `${text}; this kernel does not describe its types (no /sys/kernel/btf/vmlinux)`, {
      cause: thrown,
      details,
      hint: 'Needs a kernel with CONFIG_DEBUG_INFO_BTF=y, as all current distributions have.',
    })
  const refusedByVerifier = error.verifierLog !== undefined && !/!root|unpriv|not privileged/i.test(error.verifierLog)
  if (name === 'EPERM' || (name === 'EACCES' && !refusedByVerifier))
    return new FlowidentError('not-permitted', text, {
      cause: thrown,
      details,
      hint: 'Needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; `flowident doctor` tells which step is refused.',
    })
  return new FlowidentError('kernel-failed', text, { cause: thrown, details })
}

export class NativeKernelSource implements KernelSource {
  readonly #addon: Addon

  constructor(addon: Addon = loadAddon()) {
    this.#addon = addon
  }

  async open(options: KernelOptions): Promise<Kernel> {
    try {
      const handle = await this.#addon.openKernel(options)
      return Object.assign(handle, { [Symbol.dispose]: () => handle.close() })
    } catch (error) {
      throw fromNative(error)
    }
  }

  async probe(): Promise<Probe[]> {
    try {
      return await this.#addon.probe()
    } catch (error) {
      throw fromNative(error)
    }
  }

  async takeDown(folder: string): Promise<number> {
    try {
      return (await this.#addon.takeDown(folder)) + this.sweep(folder)
    } catch (error) {
      throw error instanceof FlowidentError ? error : fromNative(error)
    }
  }

  /** How many there are for sweep(). */
  leftBehind(folder: string): number {
    return orphans(this.#addon, folder).length
  }

  sweep(folder: string): number {
    try {
      const left = orphans(this.#addon, folder)
      for (const filter of left) this.#addon.removeFilter(filter)
      return left.length
    } catch (error) {
      throw fromNative(error)
    }
  }

  version(): ReturnType<Addon['version']> {
    return this.#addon.version()
  }

  sdNotify(state: string): boolean {
    return this.#addon.sdNotify(state)
  }

  peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
    return this.#addon.peerCredentials(fd)
  }

  readonly evaluateRules: Addon['evaluateRules'] = (tables, packets) => this.#addon.evaluateRules(tables, packets)

  readonly resetSocket: Addon['resetSocket'] = (tuple, cookie, netns) => this.#addon.resetSocket(tuple, cookie, netns)

  interfaces(): ReturnType<Addon['interfaces']> {
    return this.#addon.interfaces()
  }
}
