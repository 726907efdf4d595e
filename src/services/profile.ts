// SPDX-License-Identifier: Apache-2.0
// All that can be told of a service beside its traffic: the process behind it with the way it was found, its package, its
// configuration, how it is confined. Worked out when somebody asks.
import type { OwnerFacts, Reason } from '../owners/facts.js'
import { type Configuration, readConfiguration } from './configuration.js'
import type { Packages, Package } from './package.js'
import { type Posture, readPosture } from './posture.js'

export interface Profile {
  readonly pid: number
  readonly executable: string | null
  readonly command_line: string | null
  readonly user: string
  readonly unit: string | null
  readonly container: { readonly id: string; readonly runtime: string; readonly created: string | null } | null
  readonly pod: string | null
  readonly network_namespace: string | null
  readonly package: Package | null
  readonly configuration: Configuration | null
  /** null: the process is gone. */
  readonly posture: Posture | null
  readonly reasons: Reason[]
}

export interface ProfileParts {
  readonly proc: string
  readonly packages: Pick<Packages, 'of'>
}

const time = (ns: bigint | undefined): string | null => (ns === undefined ? null : new Date(Number(ns / 1_000_000n)).toISOString())

export async function profileOf(owner: OwnerFacts, { proc, packages }: ProfileParts, declared: readonly string[]): Promise<Profile> {
  const { container } = owner
  // The package of a file inside a container is that of the container's system, which is not looked into.
  const from = container || owner.exePath === undefined ? undefined : await packages.of(owner.exePath)
  return {
    pid: owner.pid,
    executable: owner.exePath ?? null,
    command_line: owner.commandLine ?? null,
    user: owner.userName ?? String(owner.uid),
    unit: owner.userUnit ?? owner.unit ?? null,
    container: container ? { id: container.shortId, runtime: container.runtime, created: time(container.createdNs) } : null,
    pod: owner.podUid ?? null,
    network_namespace: owner.netnsName ?? null,
    package: from ?? null,
    configuration: readConfiguration(owner, declared) ?? null,
    posture: readPosture(proc, owner.pid) ?? null,
    reasons: owner.reasons,
  }
}
