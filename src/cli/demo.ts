// SPDX-License-Identifier: Apache-2.0
// `flowident demo`: what it does, on a small synthetic capture that comes with it.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FlowidentError } from '../errors.js'
import { packageRoot } from '../kernel/native-kernel.js'
import { type Register, withJson } from './command.js'
import { Printer } from './output.js'
import { runReplay } from './replay.js'

/** In the release beside the program, in the source tree beside its generator's output. */
export function demoCapture(root: string = packageRoot()): string {
  const places = [join(root, 'dist', 'demo.pcap.gz'), join(root, 'src', 'assets', 'demo.pcap.gz')]
  const found = places.find((path) => existsSync(path))
  if (found === undefined)
    throw new FlowidentError('capture-unreadable', 'the demo capture is missing', {
      details: places,
      hint: 'Make it anew: node --import tsx tools/make-demo.ts',
    })
  return found
}

export const register: Register = (program, io) => {
  withJson(program.command('demo'))
    .description('identify the flows of a small capture that comes with flowident')
    .action(async (options: { json?: boolean }) => {
      if (options.json !== true)
        new Printer(io).talk('A synthetic capture of one host: a shop, its databases and queues, and a few things on odd ports.\n')
      await runReplay(io, [demoCapture()], { json: options.json, limit: 50 })
    })
}
