// SPDX-License-Identifier: Apache-2.0
// Tries what the daemon would do, and says for each thing that is refused what is lost and how to get it.
import { loadConfig } from '../config/load.js'
import { exitCodes, FlowidentError } from '../errors.js'
import type { Probe } from '../kernel/kernel.js'
import { NativeKernelSource, loadAddon } from '../kernel/native-kernel.js'
import { type Register, withJson } from './command.js'
import { type Check, hostChecks } from './host-checks.js'
import { keepFolder } from './down.js'
import { Printer, printable } from './output.js'

interface Consequence {
  readonly feature: RegExp
  readonly required?: boolean
  readonly lost: string
  readonly remedy: string
}

/** First match wins; features by the names that the addon's probe gives them. */
const consequences: readonly Consequence[] = [
  {
    feature: /xdp/i,
    lost: 'ingress of the wire view; the egress and socket programs still see their part',
    remedy: 'Linux 5.10, CAP_NET_ADMIN and CAP_BPF',
  },
  { feature: /tcx/i, lost: 'TCX: egress is attached with clsact instead', remedy: 'Linux 6.6 or newer' },
  {
    feature: /clsact|sched|\btc\b/i,
    lost: 'egress of the wire view on kernels without TCX',
    remedy: 'CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS (module sch_ingress)',
  },
  {
    feature: /cgroup.?skb/i,
    lost: 'the socket view: flows of local sockets and their counters',
    remedy: 'CONFIG_CGROUP_BPF and a cgroup v2 mount',
  },
  { feature: /cgroup|sock.?create/i, lost: 'owners of sockets made after the start', remedy: 'CONFIG_CGROUP_BPF and a cgroup v2 mount' },
  {
    feature: /iter.*storage/i,
    lost: 'counters of flows that are still open: they are told only when they end',
    remedy: 'Linux 5.10 with CONFIG_DEBUG_INFO_BTF',
  },
  { feature: /batch/i, lost: 'speed: maps are read entry by entry', remedy: 'Linux 5.6 or newer' },
  { feature: /bpffs/i, lost: 'nothing today: no part depends on it', remedy: 'not needed' },
  { feature: /iter/i, lost: 'owners of sockets that were open before the start', remedy: 'Linux 5.13 with CONFIG_DEBUG_INFO_BTF' },
  {
    feature: /tp_btf|trac/i,
    lost: 'the end of connections at once, and new owners after exec',
    remedy: 'CONFIG_DEBUG_INFO_BTF, CAP_PERFMON, no lockdown=confidentiality',
  },
  { feature: /socket.?filter/i, lost: 'the passive wire view', remedy: 'CAP_NET_RAW' },
  { feature: /ring/i, required: true, lost: 'everything: records cannot reach the daemon', remedy: 'Linux 5.8 or newer' },
  { feature: /atomic/i, required: true, lost: 'everything: the programs do not load', remedy: 'Linux 5.12 or newer' },
  { feature: /storage/i, lost: 'flow state kept with the socket, and owners with it', remedy: 'Linux 5.10 or newer' },
  { feature: /fentry|fexit|kprobe|uprobe|lsm/i, lost: 'nothing today: no part depends on it', remedy: 'not needed' },
]

export function probeCheck({ feature, ok, errno, detail }: Probe): Check {
  const found = [ok ? 'works' : 'refused', ...(errno ? [`errno ${errno}`] : []), ...(detail ? [detail] : [])].join(': ')
  if (ok) return { name: feature, state: 'ok', found }
  const known = consequences.find((each) => each.feature.test(feature))
  if (known === undefined) return { name: feature, state: 'lost', found, lost: 'what uses it' }
  const idle = known.remedy === 'not needed'
  return {
    name: feature,
    state: known.required === true ? 'broken' : idle ? 'note' : 'lost',
    found,
    lost: known.lost,
    remedy: known.remedy,
  }
}

/** Probes of the addon that repeat what hostChecks has told. */
const toldByHost = ['capabilities', 'kernel btf', 'lockdown', 'cgroup2 mount']

const leftBehind = (count: number): Check =>
  count === 0
    ? { name: 'left behind', state: 'ok', found: 'nothing' }
    : {
        name: 'left behind',
        state: 'lost',
        found: `${count} classifiers of a killed process still decide about packets`,
        lost: 'what the rules of today say about these packets',
        remedy: 'flowident doctor --clean',
      }

async function addonChecks(env: Readonly<Record<string, string | undefined>>): Promise<{ checks: Check[]; refused: boolean }> {
  const checks: Check[] = []
  try {
    const source = new NativeKernelSource(loadAddon(env))
    checks.push({ name: 'addon', state: 'ok', found: `libbpf ${source.version().libbpf}` })
    checks.push(leftBehind(source.leftBehind(keepFolderOf(env))))
    const probes = await source.probe()
    checks.push(...probes.filter(({ feature }) => !toldByHost.includes(feature)).map(probeCheck))
    const permission = probes.filter(({ ok, errno }) => !ok && (errno === 1 || errno === 13))
    return { checks, refused: permission.length > 0 && permission.length === probes.filter(({ ok }) => !ok).length }
  } catch (thrown) {
    const error = FlowidentError.from(thrown)
    const found = [error.message, ...error.details].join('; ')
    checks.push({ name: 'addon', state: 'broken', found, lost: 'everything', remedy: error.hint ?? 'make build' })
    return { checks, refused: error.code === 'not-permitted' }
  }
}

/** The folder of the configuration; of the defaults when that has mistakes. */
function keepFolderOf(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return loadConfig({ env }).config.keep.folder
  } catch {
    return keepFolder
  }
}

async function clean(env: Readonly<Record<string, string | undefined>>, printer: Printer, json: boolean): Promise<void> {
  const folder = keepFolderOf(env)
  const removed = await new NativeKernelSource(loadAddon(env)).takeDown(folder)
  if (json) printer.json([{ folder, removed }])
  else printer.line(removed > 0 ? `removed ${removed} objects; nothing of flowident is attached any more` : 'nothing was left behind')
}

function configCheck(env: Readonly<Record<string, string | undefined>>): Check {
  try {
    const { files } = loadConfig({ env })
    return { name: 'configuration', state: 'ok', found: files.length === 0 ? 'defaults' : files.join(', ') }
  } catch (thrown) {
    const error = FlowidentError.from(thrown)
    return { name: 'configuration', state: 'broken', found: [error.message, ...error.details].join('; '), remedy: 'flowident config check' }
  }
}

export const register: Register = (program, io) => {
  withJson(program.command('doctor'))
    .description('try what the daemon needs of this host, and say what is lost without it')
    .option('--clean', 'remove instead what a daemon that is gone kept in the kernel, or left there when it was killed (root)')
    .action(async ({ json, clean: cleans }: { json?: boolean; clean?: boolean }) => {
      const printer = new Printer(io)
      if (cleans === true) return clean(io.env, printer, json === true)
      const native = await addonChecks(io.env)
      const checks = [...hostChecks({ proc: '/proc', sys: '/sys' }), ...native.checks, configCheck(io.env)]
      if (json === true) printer.json(checks)
      else {
        const names = checks.reduce((widest, { name }) => Math.max(widest, name.length), 0)
        const marks = { ok: ['green', 'ok'], note: ['dim', 'note'], lost: ['yellow', 'lost'], broken: ['red', 'BROKEN'] } as const
        for (const { name, state, found, lost, remedy } of checks) {
          const [style, word] = marks[state]
          printer.line(`${printer.paint(style, word.padEnd(6))}  ${name.padEnd(names)}  ${printable(found)}`)
          const indent = ' '.repeat(names + 10)
          if (state !== 'ok' && lost !== undefined) printer.line(`${indent}without it: ${lost}`)
          if (state !== 'ok' && remedy !== undefined) printer.line(`${indent}to get it: ${remedy}`)
        }
      }
      const broken = checks.filter(({ state }) => state === 'broken')
      if (broken.length === 0) return
      const permission = native.refused || broken.every(({ name }) => name === 'capabilities')
      throw new FlowidentError(
        permission ? 'not-permitted' : 'kernel-failed',
        `${broken.length} of ${checks.length} checks failed: ${broken.map(({ name }) => name).join(', ')}${permission ? ` (exit code ${exitCodes.notPermitted})` : ''}`,
      )
    })
}
