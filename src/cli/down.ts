// SPDX-License-Identifier: Apache-2.0
// `flowident down`: removes what a daemon that is gone left in the kernel.
import { FlowidentError } from '../errors.js'
import { NativeKernelSource, loadAddon } from '../kernel/native-kernel.js'
import { type Register, withJson } from './command.js'
import { Printer } from './output.js'

export const keepFolder = '/sys/fs/bpf/flowident'

export const register: Register = (program, io) => {
  withJson(program.command('down'))
    .description('remove programs, rules and flows that a daemon kept in the kernel, or left there when it was killed (root)')
    .option('--folder <path>', 'where they are kept (setting keep.folder)', keepFolder)
    .action(async ({ folder, json }: { folder: string; json?: boolean }) => {
      const printer = new Printer(io)
      const removed = await new NativeKernelSource(loadAddon(io.env)).takeDown(folder)
      if (json === true) printer.json([{ folder, removed }])
      else
        printer.line(
          removed > 0
            ? `removed ${removed} objects from ${folder}; nothing of flowident is attached any more`
            : `nothing was kept in ${folder}`,
        )
      if (removed === 0) throw new FlowidentError('no-match', 'nothing was removed')
    })
}
