// SPDX-License-Identifier: Apache-2.0
// `flowident rules drops`: packets that rules dropped lately.
import type { Command } from 'commander'
import { clientOf, type CommonOptions, withClient } from './command.js'
import { type Column, type Io, Printer } from './output.js'

type Drop = Readonly<Record<string, unknown>> & { readonly flow: Readonly<Record<string, unknown>> | null }

const end = (drop: Drop, which: 'source' | 'destination'): string => {
  const [address, port] = [String(drop[`${which}.address`]), String(drop[`${which}.port`])]
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
const columns: readonly Column<Drop>[] = [
  { title: 'AGO', value: (drop) => `${Math.round(Number(drop['seconds_ago']))} s`, right: true },
  { title: 'RULE', value: (drop) => (drop['audit'] === true ? `${String(drop['rule'])} (audit)` : drop['rule']) },
  { title: 'PACKET', value: (drop) => `${String(drop['network.transport'])} ${end(drop, 'source')} > ${end(drop, 'destination')}` },
  { title: 'ON', value: (drop) => drop['network.interface.name'] },
  { title: 'SPEAKS', value: (drop) => (drop['flowident.layers'] as readonly string[]).join('>') },
  { title: 'SERVICE', value: (drop) => drop.flow?.['service.name'] ?? null },
]

export const registerDrops = (rules: Command, io: Io): void => {
  withClient(rules.command('drops'))
    .description('packets that rules dropped lately, about one a second and rule, with their flow and its service')
    .action(async (options: CommonOptions) => {
      const printer = new Printer(io)
      const { drops } = await clientOf(options, io).get<{ drops: Drop[] }>('/api/v1/rules/drops')
      if (options.json === true) printer.json(drops)
      else if (drops.length === 0) printer.line('nothing was dropped lately')
      else printer.table(drops, columns)
    })
}
