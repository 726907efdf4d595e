// SPDX-License-Identifier: Apache-2.0
// Large YAML files in a tenth of the time. js-yaml builds no document that remembers its places, so it is only asked for the
// tree, and only of files in which both parsers surely see the same: what it refuses, and whatever it could read in another
// way than `yaml` (anchors, tags, block text, numbers with underscores), is for the other one, with its errors and places.
import { CORE_SCHEMA, load } from 'js-yaml'

/** Maps further inside are no items of an outermost list. */
const DEPTH = 6
/** Below this nobody waits. */
const LARGE = 32_768
/** At the start of a word: anchors, aliases, tags, block text, directives, `?` keys, reserved signs, merge keys, two documents, numbers of
 * dialects; a comment that touches what is before it, a list or map as a key, an item that begins on another line; a tab or a sign that
 * is not printed. */
const SPECIAL =
  /(?:^|[\s,:[{-])(?:[&*!|>%@`]|\?\s|<<|(?:---|\.\.\.)(?:\s|$)|[-+]?(?:0[bx]|\d+_))|[\d.][eE][-+]?\d{3}|["'\]}]#|[\]}]\s*:|(?:^|\s)-[ \t]*(?:#.*)?$|[\t\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/m

export interface LargeYaml {
  readonly tree: unknown
  /** Where the map that is item `index` of the list under the key `list` of the outermost map begins. */
  offset(list: string, index: number): number | undefined
}

type YamlMap = Readonly<Record<string, unknown>>
const isMap = (tree: unknown): tree is YamlMap => typeof tree === 'object' && tree !== null && !Array.isArray(tree)

const item = (tree: YamlMap, list: string, index: number): unknown => {
  const found = tree[list]
  return Array.isArray(found) ? found[index] : undefined
}

/** The tree of a large file without mistakes and without rare syntax; undefined: to be read by the thorough parser. */
export function parseLarge(text: string, least: number = LARGE): LargeYaml | undefined {
  if (text.length < least || SPECIAL.test(text)) return undefined
  const open: number[] = []
  const starts = new Map<unknown, number>()
  try {
    const tree = load(text, {
      schema: CORE_SCHEMA,
      listener(event, { position, result, kind }) {
        if (event === 'open') {
          open.push(position)
          return
        }
        const start = open.pop() as number
        if (result === null) throw new RangeError('nothing where something should be')
        // One that might have been a key is read twice; the inner time begins where the value does.
        if (kind === 'mapping' && open.length < DEPTH && !starts.has(result)) starts.set(result, start)
      },
    })
    if (!isMap(tree)) return undefined
    return { tree, offset: (list, index) => starts.get(item(tree, list, index)) }
  } catch {
    return undefined
  }
}
