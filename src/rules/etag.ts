// SPDX-License-Identifier: Apache-2.0
// The name of a set of rules: of its texts, whatever order their words have in memory.
import { createHash } from 'node:crypto'
import type { RuleText } from './load.js'

const known = new WeakMap<readonly RuleText[], string>()

/** Entity tag (RFC 9110, section 8.8.3) of the set that these texts make; made once for each list. */
export function etagOf({ texts }: { readonly texts: readonly RuleText[] }): string {
  let etag = known.get(texts)
  if (etag === undefined) {
    const words = JSON.stringify(texts.map(({ name, text }) => [name, text]))
    etag = `"${createHash('sha256').update(words).digest('hex').slice(0, 32)}"`
    known.set(texts, etag)
  }
  return etag
}
