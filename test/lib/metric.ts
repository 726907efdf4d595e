// SPDX-License-Identifier: Apache-2.0
// Reads values off a page of metrics.

/** Sum over the series of a name that have all these labels; 0 when there are none. */
export function metric(page: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  let sum = 0
  for (const line of page.split('\n')) {
    if (!line.startsWith(name) || !/[ {]/.test(line.charAt(name.length))) continue
    if (Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1))
  }
  return sum
}
