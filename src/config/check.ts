// SPDX-License-Identifier: Apache-2.0
// Checks one source against the schema and says every mistake in words, with its place and the nearest valid name.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { nearest } from './nearest.js'
import { formats, rootSchema, type SettingSchema, settings } from './schema.js'
import type { Mistake, Source } from './source.js'

type Path = readonly (string | number)[]

/** A source gives some settings, not all: sections have no required members here. */
function partial(schema: SettingSchema): SettingSchema {
  if (schema.section !== true) return schema
  const { required: _required, ...rest } = schema
  const properties = Object.entries(schema.properties ?? {}).map(([key, child]) => [key, partial(child)] as const)
  return { ...rest, properties: Object.fromEntries(properties) }
}

let compiled: ValidateFunction | undefined
function validator(): ValidateFunction {
  if (compiled === undefined) {
    const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true })
    ajv.addVocabulary(['section', 'expects', 'prepend'])
    for (const [name, format] of Object.entries(formats)) ajv.addFormat(name, format as never)
    compiled = ajv.compile(partial(rootSchema))
  }
  return compiled
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `wire:` with nothing under it is an empty section, and one word where a list of words is wanted is a list of one. */
function normalise(schema: SettingSchema, value: unknown): unknown {
  if (schema.section === true) {
    if (value === null) return {}
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, schema.properties?.[key] ? normalise(schema.properties[key], child) : child]),
    )
  }
  return schema.type === 'array' && schema.items?.type === 'string' && typeof value === 'string' ? [value] : value
}

/** '/services/rules/0/name' → ['services', 'rules', 0, 'name'] */
function pathOf(error: ErrorObject): (string | number)[] {
  let schema: SettingSchema | undefined = rootSchema
  return error.instancePath
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const index = schema?.items !== undefined
      schema = index ? schema?.items : schema?.properties?.[key]
      return index ? Number(key) : key
    })
}

const spell = (path: Path): string => path.map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i === 0 ? '' : '.'}${key}`)).join('')

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const kindOf = (value: unknown): string =>
  value === null ? 'nothing' : Array.isArray(value) ? 'a list' : isObject(value) ? 'a section' : show(value)

function unknownKey(path: Path, key: string, schema: SettingSchema): string {
  const here = nearest(key, Object.keys(schema.properties ?? {}))
  if (here !== undefined) return `unknown setting "${spell([...path, key])}"; did you mean "${here}"?`
  // Right name, wrong section.
  const elsewhere =
    settings().find((setting) => setting.keys.at(-1) === key)?.path ?? nearest(key, Object.keys(rootSchema.properties ?? {}))
  const known = Object.keys(schema.properties ?? {}).join(', ')
  return `unknown setting "${spell([...path, key])}"; ${elsewhere === undefined ? `known here: ${known}` : `did you mean "${elsewhere}"?`}`
}

function words(error: ErrorObject, path: Path): string {
  const schema = (error.parentSchema ?? {}) as SettingSchema
  if (error.keyword === 'additionalProperties') return unknownKey(path, String(error.params['additionalProperty']), schema)
  const where = spell(path) || 'the file'
  const value = error.data
  if (error.keyword === 'required') return `${where}: "${String(error.params['missingProperty'])}" is missing`
  if (error.keyword === 'minProperties') return `${where}: needs at least one of ${Object.keys(schema.properties ?? {}).join(', ')}`
  if (error.keyword === 'uniqueItems') return `${where}: ${show((value as unknown[])[Number(error.params['i'])])} is there twice`
  const expects =
    schema.expects ??
    (schema.type === 'object' ? `a section with ${Object.keys(schema.properties ?? {}).join(', ')}` : (error.message ?? ''))
  const meant = error.keyword === 'enum' && typeof value === 'string' ? nearest(value, schema.enum ?? []) : undefined
  const quotes = schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean') ? '; put it in quotes' : ''
  return `${where}: expected ${expects}, found ${kindOf(value)}${meant === undefined ? '' : `; did you mean "${meant}"?`}${quotes}`
}

/** The source's tree in normal form, and its mistakes in the order of their places. */
export function checkSource(source: Source): { tree: Record<string, unknown>; mistakes: Mistake[] } {
  const tree = normalise(rootSchema, source.tree)
  const validate = validator()
  const mistakes = new Map<string, Mistake>()
  if (!validate(tree))
    for (const error of validate.errors ?? []) {
      const path = pathOf(error)
      const extra = error.keyword === 'additionalProperties' ? [String(error.params['additionalProperty'])] : []
      const whole = [...path, ...extra]
      // One value may break several rules at once (type and pattern): the first says enough.
      const key = spell(whole)
      if (mistakes.has(key)) continue
      mistakes.set(key, {
        source: source.nameOf(whole),
        ...source.place(whole, extra.length > 0 ? 'key' : 'value'),
        text: words(error, path),
      })
    }
  const ordered = [...mistakes.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0))
  return { tree: isObject(tree) ? tree : {}, mistakes: ordered }
}
