// SPDX-License-Identifier: Apache-2.0
// One class for every error that a user may see, and one table of what each code means outside of this process.

/** Exit codes of the command line; 77 is what test drivers and init systems read as "not permitted here". */
export const exitCodes = { ok: 0, failure: 1, usage: 2, noMatch: 3, unreachable: 4, notPermitted: 77 } as const

interface ErrorKind {
  /** Exit code of the command line. */
  readonly exit: number
  /** HTTP status of the API. */
  readonly status: number
  /** The `title` of a problem document: what kind of thing went wrong, without the particulars. */
  readonly title: string
}

/** Codes are part of the API (`type` of a problem document is `/problems/<code>`): never reuse one for another meaning. */
export const errorTable = {
  usage: { exit: exitCodes.usage, status: 400, title: 'The command line is not understood' },
  'config-invalid': { exit: exitCodes.failure, status: 500, title: 'The configuration has mistakes' },
  'config-unreadable': { exit: exitCodes.failure, status: 500, title: 'A configuration file cannot be read' },
  'rules-invalid': { exit: exitCodes.failure, status: 422, title: 'The rules have mistakes' },
  'rules-changed': { exit: exitCodes.failure, status: 412, title: 'The rules are not those that were meant to be replaced' },
  'asset-missing': { exit: exitCodes.failure, status: 500, title: 'A file that comes with flowident is missing' },
  'rules-lock-out': { exit: exitCodes.failure, status: 409, title: 'The rules would lock out who administers this host' },
  'rules-on-trial': { exit: exitCodes.failure, status: 409, title: 'The rules in force wait for confirmation' },
  'nothing-to-confirm': { exit: exitCodes.noMatch, status: 409, title: 'No rules wait for confirmation' },
  'addon-missing': { exit: exitCodes.failure, status: 500, title: 'The native addon cannot be loaded' },
  'kernel-failed': { exit: exitCodes.failure, status: 503, title: 'The kernel refused a step' },
  'not-permitted': { exit: exitCodes.notPermitted, status: 403, title: 'This process may not do that' },
  'listen-failed': { exit: exitCodes.failure, status: 500, title: 'An address cannot be listened on' },
  'capture-unreadable': { exit: exitCodes.failure, status: 400, title: 'A capture file cannot be read' },
  'daemon-unreachable': { exit: exitCodes.unreachable, status: 502, title: 'The daemon does not answer' },
  'no-match': { exit: exitCodes.noMatch, status: 404, title: 'Nothing matches' },
  'not-found': { exit: exitCodes.noMatch, status: 404, title: 'There is no such thing here' },
  'bad-request': { exit: exitCodes.usage, status: 400, title: 'The request is not understood' },
  'method-not-allowed': { exit: exitCodes.usage, status: 405, title: 'This method is not allowed here' },
  'too-many': { exit: exitCodes.failure, status: 429, title: 'Too many at once' },
  internal: { exit: exitCodes.failure, status: 500, title: 'A mistake inside flowident' },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof errorTable

export interface ErrorOptions {
  readonly cause?: unknown
  /** What the reader can do about it, as one sentence. */
  readonly hint?: string
  /** Particulars, one line each: several mistakes in one file, all paths that were tried. */
  readonly details?: readonly string[]
}

export class FlowidentError extends Error {
  override readonly name = 'FlowidentError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: readonly string[]

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? []
  }

  get exitCode(): number {
    return errorTable[this.code].exit
  }

  get status(): number {
    return errorTable[this.code].status
  }

  get title(): string {
    return errorTable[this.code].title
  }

  /** Any thrown value as one of ours; what is not ours is a mistake inside flowident. */
  static from(thrown: unknown): FlowidentError {
    if (thrown instanceof FlowidentError) return thrown
    if (thrown instanceof Error) return new FlowidentError('internal', thrown.message, { cause: thrown })
    return new FlowidentError('internal', String(thrown), { cause: thrown })
  }
}

/** errno name of a Node or addon error, if it has one. */
export function errorName(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
