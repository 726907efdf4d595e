// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { FlowidentError } from '../errors.js'
import { loadAddon, packageRoot } from '../kernel/native-kernel.js'
import { type Register, withJson } from './command.js'
import { Printer } from './output.js'

export const packageVersion = (): string =>
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version

export const register: Register = (program, io) => {
  withJson(program.command('version'))
    .description('show versions of flowident, libbpf, Node and the kernel')
    .action((options: { json?: boolean }) => {
      const printer = new Printer(io)
      let native: { libbpf: string | null; abi: number | null; addon?: string }
      try {
        native = loadAddon(io.env).version()
      } catch (error) {
        // The version must be told just when something is wrong with the installation.
        native = { libbpf: null, abi: null, addon: FlowidentError.from(error).details.join('; ') }
      }
      const versions = { flowident: packageVersion(), ...native, node: process.versions.node, kernel: release() }
      if (options.json === true) printer.json([versions])
      else for (const [name, value] of Object.entries(versions)) printer.line(`${name.padEnd(9)}  ${value ?? 'not available'}`)
    })
}
