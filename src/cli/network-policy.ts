// SPDX-License-Identifier: Apache-2.0
// `flowident rules from-networkpolicy`: NetworkPolicy objects as a rule file for the pods of this host.
import { readFileSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import type { Command } from 'commander'
import { spellMistake } from '../config/load.js'
import { parseYamls, readConfigFile } from '../config/source.js'
import { FlowidentError } from '../errors.js'
import { type Cluster, readCluster } from '../rules/network-policy/cluster.js'
import { readPolicies } from '../rules/network-policy/policy.js'
import { translate } from '../rules/network-policy/translate.js'
import { MAX_RULES } from '../rules/model.js'
import { spellRules } from '../rules/spell.js'
import { parseCidr } from '../rules/values.js'
import { type Io, Printer } from './output.js'

interface Options {
  readonly pods: string
  readonly node?: string
  readonly nodeAddress?: readonly string[]
  readonly strict?: boolean
}

function readPods(path: string): Cluster {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new FlowidentError('config-unreadable', `${path}: ${(error as Error).message}`, { cause: error })
  }
  return readCluster(path, text)
}

function nodeOf({ pods }: Cluster, given: string | undefined): string {
  const nodes = [...new Set(pods.map(({ node }) => node))].filter((node) => node !== '').sort()
  const own = given ?? (nodes.includes(hostname()) ? hostname() : nodes.length === 1 ? nodes[0] : undefined)
  if (own !== undefined && nodes.includes(own)) return own
  throw new FlowidentError('usage', own === undefined ? 'which node is this?' : `no pod runs on node ${JSON.stringify(own)}`, {
    hint: `Name one with --node: ${nodes.join(', ') || 'there are pods of none'}.`,
  })
}

function addressesOf(node: string, given: readonly string[]) {
  // Probes of the kubelet come from the pods' bridge, which the cluster knows nothing of.
  const own = node === hostname() ? Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)) : []
  const read = own.map((address) => parseCidr(address.replace(/%.*/, ''))).filter((each) => typeof each !== 'string')
  for (const text of given) {
    const cidr = parseCidr(text)
    if (typeof cidr === 'string') throw new FlowidentError('usage', `--node-address: ${cidr}`)
    read.push(cidr)
  }
  return read
}

function run(io: Io, files: readonly string[], options: Options): void {
  const printer = new Printer(io)
  const cluster = readPods(options.pods)
  const read = files.map((file) => readPolicies(file, parseYamls(file, readConfigFile(file, true) ?? '')))
  const mistakes = read.flatMap((each) => each.mistakes)
  if (mistakes.length > 0)
    throw new FlowidentError('rules-invalid', `${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`} in the policies`, {
      details: mistakes.map(spellMistake),
      hint: 'A cluster would refuse them too.',
    })
  const node = nodeOf(cluster, options.node)
  const { rules, notes, pods, isolated } = translate(
    read.flatMap((each) => each.policies),
    cluster,
    { node, nodeAddresses: addressesOf(node, options.nodeAddress ?? []), podsFile: options.pods },
  )
  if (rules.length > MAX_RULES) throw new FlowidentError('rules-invalid', `${rules.length} rules; at most ${MAX_RULES} are held`)
  const all = [...read.flatMap((each) => each.notes), ...notes]
  for (const note of all) printer.talk(`warning: ${spellMistake(note)}`)
  printer.talk(`${rules.length} rules for ${isolated} isolated pods of ${pods} on ${node}`)
  if (options.strict === true && all.length > 0) throw new FlowidentError('rules-invalid', 'the policies cannot be expressed as a whole')
  for (const line of spellRules(rules).trimEnd().split('\n')) printer.line(line)
}

export function registerNetworkPolicy(rules: Command, io: Io): void {
  rules
    .command('from-networkpolicy')
    .description('Kubernetes NetworkPolicy objects as a rule file for the pods of this host; no root, no daemon')
    .argument('<file...>', 'YAML or JSON files with NetworkPolicy objects, or lists of them')
    .requiredOption('--pods <file>', 'what `kubectl get pods,ns,svc,nodes -A -o json` wrote')
    .option('--node <name>', 'the node whose pods get rules (default: the name of this host, or the only node)')
    .option('--node-address <cidr>', 'may talk to its pods always; may be given again', (one: string, before: readonly string[] = []) => [
      ...before,
      one,
    ])
    .option('--strict', 'write no rules when something cannot be expressed')
    .action((files: string[], options: Options) => run(io, files, options))
}
