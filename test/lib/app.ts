// SPDX-License-Identifier: Apache-2.0
// Starts the TypeScript programs of test/lib/apps as children.
import { fileURLToPath } from 'node:url'
import { Proc, type StartOptions } from './process.js'

/** The loader's address: found from here, whatever the child's working directory. */
const TSX = import.meta.resolve('tsx')

export function appArgv(name: string, ...args: (string | number)[]): string[] {
  const file = fileURLToPath(new URL(`apps/${name}.ts`, import.meta.url))
  return [process.execPath, '--import', TSX, file, ...args.map(String)]
}

export function app(options: StartOptions, name: string, ...args: (string | number)[]): Proc {
  return new Proc(appArgv(name, ...args), options)
}
