// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander'
import { loadConfig } from '../config/load.js'
import { asYaml, type SettingInForce, settingsInForce } from '../config/report.js'
import { type Register, withJson } from './command.js'
import { type Column, Printer } from './output.js'

const columns: readonly Column<SettingInForce>[] = [
  { title: 'SETTING', value: ({ setting }) => setting },
  { title: 'VALUE', value: ({ value }) => (typeof value === 'string' ? value : JSON.stringify(value)), max: 60 },
  { title: 'ORIGIN', value: ({ origin }) => origin },
]

interface Options {
  readonly config?: string
  readonly json?: boolean
  readonly yaml?: boolean
}

const withFile = (command: Command): Command =>
  withJson(command).option('--config <file>', 'read this file in place of /etc/flowident/flowident.yaml')

export const register: Register = (program, io) => {
  const config = program.command('config').description('check or show the configuration')
  withFile(config.command('check'))
    .description('report every mistake with file, line and column; exit code 0 when there is none')
    .action((options: Options) => {
      const printer = new Printer(io)
      const { files, warnings } = loadConfig({ file: options.config, env: io.env })
      for (const warning of warnings) printer.talk(`warning: ${warning}`)
      if (options.json === true) printer.json([{ ok: true, files, warnings }])
      else printer.line(files.length === 0 ? 'no configuration file: defaults are in force' : `no mistakes in ${files.join(', ')}`)
    })
  withFile(config.command('show'))
    .description('show every setting, its value and where that came from')
    .option('--yaml', 'as a configuration file')
    .action((options: Options) => {
      const printer = new Printer(io)
      const loaded = loadConfig({ file: options.config, env: io.env })
      for (const warning of loaded.warnings) printer.talk(`warning: ${warning}`)
      if (options.yaml === true) printer.line(asYaml(loaded).trimEnd())
      else if (options.json === true) printer.json(settingsInForce(loaded))
      else printer.table(settingsInForce(loaded), columns)
    })
}
