// SPDX-License-Identifier: Apache-2.0
// `flowident demo`: what it does, on a small synthetic capture that comes with it.
import { assetPath } from '../kernel/assets.js'
import { type Register, withJson } from './command.js'
import { Printer } from './output.js'
import { runReplay } from './replay.js'

export const demoCapture = (): string => assetPath('demo.pcap.gz', 'Make it anew: node --import tsx tools/make-demo.ts')

export const register: Register = (program, io) => {
  withJson(program.command('demo'))
    .description('identify the flows of a small capture that comes with flowident')
    .action(async (options: { json?: boolean }) => {
      if (options.json !== true)
        new Printer(io).talk('A synthetic capture of one host: a shop, its databases and queues, and a few things on odd ports.\n')
      await runReplay(io, [demoCapture()], { json: options.json, limit: 50 })
    })
}
