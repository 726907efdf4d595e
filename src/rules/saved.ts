// SPDX-License-Identifier: Apache-2.0
// The rules in force as a file, for the process after this one: what the kernel keeps is compiled, and cannot be shown or changed.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorName, FlowidentError } from '../errors.js'
import type { RuleText } from './load.js'
import type { LeftOut } from './model.js'

export interface SavedSet {
  readonly texts: readonly RuleText[]
  /** From the rules folder, or applied since. */
  readonly from: 'folder' | 'applied'
  /** Which set of the kernel it is, and for which interfaces it was compiled. */
  readonly generation: number
  readonly shape: string
  /** Rules of the texts that are not in force. */
  readonly leftOut?: readonly LeftOut[]
}

/** `before`: in force again unless the set is confirmed. */
export interface Saved extends SavedSet {
  readonly before?: SavedSet
}

/** What a process before left: tables in the kernel; or those of another version, so that the text of its rules is to be put in force
 * anew, or, switched off, not. */
export type LeftRules = 'nothing' | 'tables' | 'text' | 'text-off'

export interface RuleStore {
  /** undefined: there is nothing. */
  read(): Saved | undefined
  write(saved: Saved): void
}

/** Nothing outlives the process. */
export const forgetful: RuleStore = { read: () => undefined, write: () => undefined }

const isSaved = (value: unknown): value is Saved => {
  const { texts, from, generation, shape, leftOut, before } = (value ?? {}) as Partial<Record<keyof Saved, unknown>>
  return (
    Array.isArray(texts) &&
    texts.every((each: Partial<RuleText> | null) => typeof each?.name === 'string' && typeof each.text === 'string') &&
    (from === 'folder' || from === 'applied') &&
    typeof generation === 'number' &&
    typeof shape === 'string' &&
    (leftOut === undefined ||
      (Array.isArray(leftOut) && leftOut.every((each: Partial<LeftOut> | null) => typeof each?.name === 'string'))) &&
    (before === undefined || isSaved(before))
  )
}

export class RuleFile implements RuleStore {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Throws when the file is there and cannot be read. */
  read(): Saved | undefined {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch (error) {
      if (errorName(error) === 'ENOENT') return undefined
      throw new FlowidentError('config-unreadable', `${this.#path}: ${(error as Error).message}`)
    }
    try {
      const value: unknown = JSON.parse(text)
      if (isSaved(value)) return value
    } catch {
      // told below
    }
    throw new FlowidentError('config-invalid', `${this.#path}: this file of flowident's own is damaged`, {
      hint: 'Remove it: the rules of the folder are taken then.',
    })
  }

  /** Whole or not at all, also when the machine stops. */
  write(saved: Saved): void {
    const fresh = `${this.#path}.new`
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      writeFileSync(fresh, JSON.stringify(saved), { mode: 0o600, flush: true })
      renameSync(fresh, this.#path)
    } catch (error) {
      rmSync(fresh, { force: true })
      throw new FlowidentError('config-unreadable', `${this.#path}: ${(error as Error).message}`, {
        hint: 'The rules are in force, but the daemon after this one would not know them.',
      })
    }
  }
}
