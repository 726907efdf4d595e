// SPDX-License-Identifier: Apache-2.0
// `flowident packs check`: is this pack fit for use?
import { loadAddon } from '../kernel/native-kernel.js'
import { checkPacks, RANDOM_PAYLOADS } from '../packs/check.js'
import { evidenceBits } from '../packs/compile.js'
import { loadPacks } from '../packs/load.js'
import type { Register } from './command.js'
import { Printer } from './output.js'

export const register: Register = (program, io) => {
  program
    .command('packs')
    .description('check signature packs')
    .command('check')
    .description('report every mistake with file, line and column, and try the packs on random payloads')
    .argument('<file...>', 'packs to be used together')
    .action((files: string[]) => {
      const packs = loadPacks(files)
      checkPacks(loadAddon(io.env), packs)
      const printer = new Printer(io)
      for (const { name, rules } of packs)
        printer.talk(
          `${name}: ok, ${rules.map((rule) => `${rule.direction} ${evidenceBits(rule)} bits`).join(', ')}, claims 0 of ${RANDOM_PAYLOADS.toLocaleString('en')} random payloads`,
        )
    })
}
