// SPDX-License-Identifier: Apache-2.0
import { type Config, settings } from './schema.js'

/** Paths of settings whose values differ. */
export const changedSettings = (before: Config, after: Config): string[] => {
  const value = (config: Config, keys: readonly string[]): unknown =>
    keys.reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], config)
  return settings()
    .filter(({ keys }) => JSON.stringify(value(before, keys)) !== JSON.stringify(value(after, keys)))
    .map(({ path }) => path)
}
