// SPDX-License-Identifier: Apache-2.0
// The configuration as text: what is in force and why (`config show`), and the reference in docs/CONFIG.md.
import { stringify } from 'yaml'
import type { LoadedConfig } from './load.js'
import { environmentName, flagName, isPlain, rootSchema, type SettingSchema, settings } from './schema.js'

export interface SettingInForce {
  readonly setting: string
  readonly value: unknown
  readonly origin: string
}

export function settingsInForce({ config, origins }: LoadedConfig): SettingInForce[] {
  return settings().map(({ path, keys }) => ({
    setting: path,
    value: keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config),
    origin: origins.get(path) ?? 'default',
  }))
}

/** A file that would set all of this. */
export const asYaml = ({ config }: LoadedConfig): string => stringify(config, { lineWidth: 0 })

const inCode = (text: string): string => `\`${text}\``

function allowed(schema: SettingSchema): string {
  if (schema.enum !== undefined) return schema.enum.map(inCode).join(', ')
  return (schema.expects ?? schema.type ?? '').replace(/^a section.*/, 'section')
}

function ruleMembers(schema: SettingSchema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    child.properties === undefined
      ? [`| \`${key}\` | ${child.description ?? ''} |`]
      : Object.entries(child.properties).map(([inner, member]) => `| \`${key}.${inner}\` | ${member.description ?? ''} |`),
  )
}

/** docs/CONFIG.md. */
export function configReference(): string {
  const lines = [
    '# Configuration',
    '',
    '<!-- Written by `make gen` from src/config/schema.ts. -->',
    '',
    'Every setting has a default: flowident runs without a file. Later sources win:',
    '',
    '1. `/usr/lib/flowident/conf.d/*.yaml` (packages)',
    '2. `/etc/flowident/flowident.yaml`, or the file named by `--config` or `FLOWIDENT_CONFIG`',
    '3. `/etc/flowident/conf.d/*.yaml`, in the order of their names',
    '4. environment variables',
    '5. flags of `flowident run`',
    '',
    'A list replaces the list of an earlier source, except `services.rules`, where rules of a later file come first.',
    'In a variable or a flag a list is written with commas. `flowident config check` reports all mistakes with file, line and column;',
    '`flowident config show` tells for each setting where its value came from. On SIGHUP the daemon reads everything again.',
    '',
  ]
  for (const [name, section] of Object.entries(rootSchema.properties ?? {})) {
    lines.push(`## ${name}`, '', `${(section.description ?? '').replace(/\.?$/, '.')}`, '')
    for (const setting of settings({ properties: { [name]: section } })) {
      const { path, schema } = setting
      if (section.section === true) lines.push(`### ${path}`, '', schema.description ?? '', '')
      lines.push(`- Default: ${inCode(JSON.stringify(schema.default))}`, `- Allowed: ${allowed(schema)}`)
      if (isPlain(setting)) lines.push(`- Variable: ${inCode(environmentName(path))}, flag: ${inCode(flagName(path))}`)
      lines.push('')
      if (schema.items?.properties !== undefined) lines.push('| Member | Meaning |', '| --- | --- |', ...ruleMembers(schema.items), '')
    }
  }
  lines.push(
    '## Example',
    '',
    '```yaml',
    'wire:',
    '  interfaces: [eth0, "br-*"]',
    'metrics:',
    '  labels: [kind, environment]',
    'services:',
    '  environment: prod',
    '  rules:',
    '    - match: { unit: "payment-*.service" }',
    '      name: payment',
    '      version: "2"',
    '```',
    '',
  )
  return lines.join('\n')
}
