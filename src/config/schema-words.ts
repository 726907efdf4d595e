// SPDX-License-Identifier: Apache-2.0
// The kinds of settings that the schema is made of.
import Type, { type TSchema } from 'typebox'

/** What our schemas carry beside JSON Schema: `section` marks an object of settings, `expects` says in words what is allowed. */
export interface SettingSchema extends TSchemaLike {
  readonly section?: boolean
  readonly expects?: string
  readonly prepend?: boolean
}
interface TSchemaLike {
  readonly type?: string
  readonly properties?: Readonly<Record<string, SettingSchema>>
  readonly items?: SettingSchema
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly description?: string
  readonly [key: string]: unknown
}

export const section = <T extends Record<string, TSchema>>(description: string, properties: T) =>
  Type.Object(properties, { section: true, additionalProperties: false, description })

export const word = <const T extends readonly string[]>(values: T, fallback: T[number], description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, default: fallback, description, expects: `one of ${values.join(', ')}` })

export const count = (fallback: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum, maximum, description, expects: `a whole number from ${minimum} to ${maximum}` })

export const words = (
  fallback: string[],
  description: string,
  item: Record<string, unknown> = {},
  expects = 'a list of words',
  minItems = 1,
) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 256, expects, ...item }), {
    default: fallback,
    minItems,
    maxItems: 64,
    uniqueItems: true,
    description,
    expects,
  })

export const glob = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 512, description, expects: 'a pattern' }))

export const name = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 63,
    pattern: '^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$',
    description,
    expects: 'a name of letters, digits, dots, dashes and underscores, at most 63 long',
  })

/** An absolute path. */
export const folder = (path: string, description: string, maxLength = 4096) =>
  Type.String({ default: path, minLength: 1, maxLength, pattern: '^/.*$', description, expects: 'an absolute path' })
