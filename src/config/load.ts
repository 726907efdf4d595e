// SPDX-License-Identifier: Apache-2.0
// Puts the sources together, later ones over earlier ones, and remembers where each value came from.
import { FlowidentError } from '../errors.js'
import { checkSource } from './check.js'
import { type Config, defaults, rootSchema, type SettingSchema, settings } from './schema.js'
import { fromEnvironment, fromFlags, type Mistake, parseYaml, readConfigFile, type Source, yamlFiles } from './source.js'

export interface ConfigPlaces {
  /** Defaults of packages. */
  readonly vendor: string
  /** The administrator's file. */
  readonly file: string
  /** The administrator's additions. */
  readonly additions: string
}

export const configPlaces: ConfigPlaces = {
  vendor: '/usr/lib/flowident/conf.d',
  file: '/etc/flowident/flowident.yaml',
  additions: '/etc/flowident/conf.d',
}

export interface LoadOptions {
  readonly places?: ConfigPlaces
  /** A file named by the user in place of `places.file`; then it must be there. */
  readonly file?: string | undefined
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Settings given as flags, by dotted path. */
  readonly flags?: Readonly<Record<string, string>>
}

/** Where a value came from: `default`, `file:line`, a variable or a flag. */
export interface LoadedConfig {
  readonly config: Config
  readonly origins: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
  /** Files that were read, in order. */
  readonly files: readonly string[]
}

export const spellMistake = ({ source, line, column, text }: Mistake): string =>
  line === undefined ? `${source}: ${text}` : `${source}:${line}:${column ?? 1}: ${text}`

interface Merged {
  readonly config: Record<string, unknown>
  readonly origins: Map<string, { name: string; source: Source | undefined; keys: readonly string[] }>
}

function merge(
  into: Merged,
  source: Source,
  tree: Record<string, unknown>,
  schema: SettingSchema = rootSchema,
  keys: readonly string[] = [],
): void {
  let target = into.config
  for (const key of keys) target = target[key] as Record<string, unknown>
  for (const [key, value] of Object.entries(tree)) {
    const child = schema.properties?.[key]
    if (child === undefined) continue
    const path = [...keys, key]
    if (child.section === true) {
      merge(into, source, value as Record<string, unknown>, child, path)
      continue
    }
    const place = source.place(path, 'key')
    const name = source.nameOf(path) + (place === undefined ? '' : `:${place.line}`)
    const before = into.origins.get(path.join('.'))
    const adds = child.prepend === true && before?.source !== undefined
    target[key] = adds ? [...(value as unknown[]), ...(target[key] as unknown[])] : value
    into.origins.set(path.join('.'), { name: adds ? `${name}, ${before.name}` : name, source, keys: path })
  }
}

/** Mistakes that only the whole shows: each value is fine by itself. */
function checkWhole({ config, origins }: Merged): Mistake[] {
  const { listen, wire, socket } = config as unknown as Config
  const mistakes: Mistake[] = []
  const report = (setting: string, text: string) => {
    const origin = origins.get(setting)
    const source = origin?.source?.nameOf(origin.keys) ?? 'the configuration'
    mistakes.push({ source, ...origin?.source?.place(origin.keys, 'value'), text: `${setting}: ${text}` })
  }
  for (const only of ['auto', 'none'])
    if (wire.interfaces.length > 1 && wire.interfaces.includes(only)) report('wire.interfaces', `"${only}" stands alone, or not at all`)
  const noWire = wire.interfaces.includes('none') || (wire.mode === 'off' && wire.egress === 'off')
  if (noWire && !socket.enabled)
    report('socket.enabled', 'neither the socket view nor the wire view is on: there would be nothing to watch')
  const plain = listen.map((address) => address.replace(/^unix:/, ''))
  const twice = plain.find((address, i) => plain.indexOf(address) !== i)
  if (twice !== undefined) report('listen', `"${twice}" is there twice`)
  return mistakes
}

/** Settings from all sources. Throws `config-invalid` with every mistake that was found, not only the first. */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const places = options.places ?? configPlaces
  const env = options.env ?? process.env
  const named = options.file ?? (env['FLOWIDENT_CONFIG'] || undefined)
  const paths = [...yamlFiles(places.vendor), named ?? places.file, ...yamlFiles(places.additions)]
  const mistakes: Mistake[] = []
  const files: string[] = []
  const sources: Source[] = []
  for (const path of paths) {
    const text = readConfigFile(path, path === named)
    if (text === undefined) continue
    files.push(path)
    const parsed = parseYaml(path, text)
    if (parsed.mistakes.length > 0) mistakes.push(...parsed.mistakes)
    else sources.push(parsed.source)
  }
  const environment = fromEnvironment(env)
  sources.push(environment.source, fromFlags(options.flags ?? {}))

  const merged: Merged = { config: defaults() as unknown as Record<string, unknown>, origins: new Map() }
  for (const { path, keys } of settings()) merged.origins.set(path, { name: 'default', source: undefined, keys })
  for (const source of sources) {
    const checked = checkSource(source)
    mistakes.push(...checked.mistakes)
    if (mistakes.length === 0) merge(merged, source, checked.tree)
  }
  if (mistakes.length === 0) mistakes.push(...checkWhole(merged))
  if (mistakes.length > 0) {
    const shown = mistakes.slice(0, 50).map(spellMistake)
    if (mistakes.length > shown.length) shown.push(`and ${mistakes.length - shown.length} more`)
    throw new FlowidentError(
      'config-invalid',
      `${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`} in the configuration`,
      {
        details: shown,
        hint: '`flowident config show` lists the settings that are in force; docs/CONFIG.md describes all.',
      },
    )
  }
  return {
    config: merged.config as unknown as Config,
    origins: new Map([...merged.origins].map(([path, { name }]) => [path, name])),
    warnings: environment.warnings,
    files,
  }
}
