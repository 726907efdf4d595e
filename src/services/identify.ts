// SPDX-License-Identifier: Apache-2.0
// From an owner to a service: the configuration's rules first, then what the owner is: pod, container, machine, unit,
// executable. Each answer says why.
import type { ServiceRule } from '../config/schema.js'
import { globMatcher } from '../flows/query.js'
import type { OwnerFacts } from '../owners/facts.js'
import { type Service, type ServiceKind, safeName, serviceId, UNKNOWN } from './service.js'

export interface ServiceFacts {
  readonly owner?: OwnerFacts | undefined
  /** What the service speaks, when known. */
  readonly protocol?: string | undefined
  /** Port that the service listens on; only for its own end. */
  readonly port?: number | undefined
  /** Virtual host asked for. */
  readonly host?: string | undefined
}

interface Rule {
  readonly tests: readonly ((facts: ServiceFacts) => boolean)[]
  readonly rule: ServiceRule
  readonly words: string
}

const some = (test: (text: string) => boolean, ...values: readonly (string | undefined)[]): boolean =>
  values.some((value) => value !== undefined && test(value))

const compile = (rule: ServiceRule, index: number): Rule => {
  const { match } = rule
  const tests: ((facts: ServiceFacts) => boolean)[] = []
  const add = (pattern: string | undefined, get: (facts: ServiceFacts) => readonly (string | undefined)[]): void => {
    if (pattern === undefined) return
    const test = globMatcher(pattern)
    tests.push((facts) => some(test, ...get(facts)))
  }
  add(match.unit, ({ owner }) => [owner?.unit, owner?.userUnit])
  add(match.container, ({ owner }) => [owner?.container?.id, owner?.container?.shortId])
  add(match.pod, ({ owner }) => [owner?.podUid])
  add(match.executable, ({ owner }) => [owner?.exePath])
  add(match.command_line, ({ owner }) => [owner?.commandLine])
  add(match.user, ({ owner }) => [owner?.userName, owner && String(owner.uid)])
  add(match.cgroup, ({ owner }) => [owner?.cgroupPath])
  add(match.host, ({ host }) => [host])
  add(match.protocol, ({ protocol }) => [protocol])
  const { port } = match
  if (port !== undefined) tests.push((facts) => facts.port === port)
  return { tests, rule, words: `rule ${index + 1} of services.rules (${Object.keys(match).join(', ')})` }
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** `nginx` of `nginx.service`; undefined for units that only hold processes together (scopes, slices, user managers). */
const unitName = (unit: string | undefined): string | undefined => {
  const match = unit === undefined ? null : /^(.+)\.(service|socket)$/.exec(unit)
  return match && !/^user@\d+$/.test(match[1]!) ? match[1] : undefined
}

interface Named {
  readonly name: string
  readonly kind: ServiceKind
  readonly reason: string
}

/** One file may be several programs (redis-server and redis-check-rdb, busybox, python3 and python3.11): the name that it
 * was started by counts, when the kernel's name of the process and the first argument agree on it. */
const startedAs = (owner: OwnerFacts): boolean =>
  owner.comm.length > 0 && owner.comm.length < 15 && baseName(owner.commandLine?.split(' ', 1)[0] ?? '') === owner.comm

const executable = (owner: OwnerFacts): { readonly name: string; readonly words: string } => {
  if (owner.exePath === undefined) return { name: owner.comm, words: `command name ${safeName(owner.comm)}` }
  const name = baseName(owner.exePath)
  return name !== owner.comm && startedAs(owner)
    ? { name: owner.comm, words: `started as ${safeName(owner.comm)}, executable ${owner.exePath}` }
    : { name, words: `executable ${owner.exePath}` }
}

const byOwner = (owner: OwnerFacts): Named => {
  const exe = executable(owner)
  if (owner.podUid !== undefined) return { name: exe.name, kind: 'pod', reason: `${exe.words} in pod ${owner.podUid}` }
  if (owner.container && owner.manages === undefined) {
    const { shortId, runtime } = owner.container
    // Engines that number their containers say nothing with it; a name was given by somebody.
    const named = !/^[0-9a-f]{12}$/.test(shortId)
    return named
      ? { name: shortId, kind: 'container', reason: `${runtime} container ${shortId}` }
      : { name: exe.name, kind: 'container', reason: `${exe.words} in ${runtime} container ${shortId}` }
  }
  if (owner.vm) return { name: owner.vm.name, kind: 'machine', reason: `virtual machine ${owner.vm.name} (${owner.vm.hypervisor})` }
  const user = unitName(owner.userUnit)
  if (user !== undefined) return { name: user, kind: 'user-unit', reason: `unit ${owner.userUnit} of user ${owner.userName ?? owner.uid}` }
  const unit = unitName(owner.unit)
  if (unit !== undefined) return { name: unit, kind: 'unit', reason: `systemd unit ${owner.unit}` }
  return { name: exe.name, kind: 'process', reason: exe.words }
}

export interface IdentifyConfig {
  readonly environment: string
  readonly rules: readonly ServiceRule[]
}

export class Identifier {
  readonly #rules: readonly Rule[]
  readonly #environment: string | undefined
  /** Whether some rule looks at more than the owner and the protocol. */
  readonly perFlow: boolean

  constructor(config: IdentifyConfig) {
    this.#rules = config.rules.map(compile)
    this.#environment = config.environment === '' ? undefined : config.environment
    this.perFlow = config.rules.some(({ match }) => match.port !== undefined || match.host !== undefined)
  }

  #rule(facts: ServiceFacts): Rule | undefined {
    return this.#rules.find(({ tests }) => tests.every((test) => test(facts)))
  }

  /** Configuration files that a rule names for it. */
  files(facts: ServiceFacts): readonly string[] {
    return this.#rule(facts)?.rule.files ?? []
  }

  identify(facts: ServiceFacts): Service {
    const rule = this.#rule(facts)
    if (!rule && !facts.owner) return UNKNOWN
    const named: Named = facts.owner ? byOwner(facts.owner) : { name: 'unknown', kind: 'unknown', reason: UNKNOWN.reason }
    const name = safeName(rule?.rule.name ?? named.name)
    const version = rule?.rule.version
    const environment = rule?.rule.environment ?? this.#environment
    return {
      id: serviceId(name, version, environment),
      name,
      ...(version === undefined ? {} : { version }),
      ...(environment === undefined ? {} : { environment }),
      kind: named.kind,
      reason: rule ? `${rule.words}; ${named.reason}` : named.reason,
    }
  }
}
