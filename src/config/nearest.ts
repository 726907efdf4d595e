// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word nearest to what was written.

/** Edit distance with neighbours swapped counting as one slip. */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] ?? 0) + 1)
      row.push(best)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The nearest of `known`, if it is near enough to be what was meant. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '')
  const wanted = plain(written.slice(0, 64))
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const name = plain(candidate)
    // One being the start of the other is nearer than its length tells: `iface` and `ifaces`, `interface` and `interfaces`.
    const gap = name.startsWith(wanted) && wanted.length >= 3 ? 1 : distance(wanted, name)
    if (gap < bestDistance && gap < Math.max(wanted.length, name.length)) {
      best = candidate
      bestDistance = gap
    }
  }
  return best
}
