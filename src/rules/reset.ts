// SPDX-License-Identifier: Apache-2.0
// `reset: true`: the connection of a local socket is ended for both ends, before its packets are dropped and neither would be told.
import { statSync } from 'node:fs'
import { errorName } from '../errors.js'
import { RECORD } from '../flows/layout.js'
import { viewName } from '../flows/names.js'
import type { RecordView } from '../flows/record-view.js'
import { TUPLE } from '../gen/abi.js'
import type { KernelSource } from '../kernel/kernel.js'
import type { Logger } from '../log.js'

const TCP = 6

/** Takes the record of a socket's flow, which may be moved at once; gives what resets its connection, or nothing when it has none. */
export type Reset = (view: RecordView) => (() => Promise<void>) | undefined

/** `proc`: the folder where processes are, through which their network namespaces are reached. */
export function resetBy({ resetSocket }: Pick<KernelSource, 'resetSocket'>, proc: string, log: Logger): Reset {
  const told = new Set<string>()
  const here = (): number | undefined => statSync(`${proc}/self/ns/net`, { throwIfNoEntry: false })?.ino
  return (view) => {
    if (resetSocket === undefined || view.l4 !== TCP || viewName(view.view) !== 'socket') return undefined
    const tuple = new Uint8Array(view.data.buffer, view.data.byteOffset + view.at + RECORD.tuple, TUPLE.sizeof).slice()
    const cookie = (BigInt(view.idHigh) << 32n) | BigInt(view.idLow)
    const netns = view.zone === here() ? '' : view.owned ? `${proc}/${view.owner().pid}/ns/net` : undefined
    return async () => {
      try {
        if (netns === undefined) throw Object.assign(new Error('nobody is known who has the socket'), { code: 'ESRCH' })
        await resetSocket(tuple, cookie, netns)
      } catch (error) {
        const code = errorName(error) ?? ''
        // Gone by itself meanwhile; or told already.
        if (code === 'ENOENT' || told.has(code)) return
        told.add(code)
        const why = code === 'EOPNOTSUPP' ? ': this kernel is built without CONFIG_INET_DIAG_DESTROY' : ''
        log.warn({ err: error }, `a connection is dropped, but its ends are not told${why}`)
      }
    }
  }
}
