// SPDX-License-Identifier: Apache-2.0
// The name of a set of rules: of its texts, whatever order their words have in memory.
import { createHash } from 'node:crypto'
import type { RuleText } from './load.js'
import type { LeftOut } from './model.js'

const known = new WeakMap<readonly RuleText[], string>()

const hash = (value: unknown): string => `"${createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)}"`

/** Entity tag (RFC 9110, section 8.8.3) of the set that these texts make, without the rules that are left out; made once for each list. */
export function etagOf({ texts, leftOut = [] }: { readonly texts: readonly RuleText[]; readonly leftOut?: readonly LeftOut[] }): string {
  let etag = known.get(texts)
  if (etag === undefined) {
    etag = hash(texts.map(({ name, text }) => [name, text]))
    known.set(texts, etag)
  }
  return leftOut.length === 0 ? etag : hash([etag, ...leftOut.map(({ name }) => name)])
}
