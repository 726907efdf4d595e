// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { endpointAddress, parseSocketTable, readEndpoint } from '../../src/owners/socket-table.js'

const shown = (text: string) => {
  const end = readEndpoint(text)
  return end && { address: endpointAddress(end), port: end.port }
}

describe('tables of sockets', () => {
  it('hold addresses in words of the host', () => {
    expect(shown('0100007F:1F90')).toEqual({ address: '127.0.0.1', port: 8080 })
    expect(shown('00000000000000000000000000000000:0016')).toEqual({ address: '::', port: 22 })
    expect(shown('B80D0120000000000000000001000000:0016')).toEqual({ address: '2001:db8::1', port: 22 })
    expect(shown('0000000000000000FFFF00000100007F:0050')).toEqual({ address: '127.0.0.1', port: 80 })
  })

  it('hold no address that has another length or no port', () => {
    for (const text of ['nonsense', '', '0100007F', '0100007F:', '0100007F:1F9', '0100007:1F90']) expect(readEndpoint(text)).toBeUndefined()
  })

  it('are read line by line, without the heading and lines cut short', () => {
    const rows = parseSocketTable(
      [
        '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
        '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
        '   1: 0100007F:0035',
        '  12: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 815 2 0 0',
        '',
      ].join('\n'),
    )
    expect(rows.map(({ local, remote, state, inode }) => [endpointAddress(local), local.port, remote.port, state, inode])).toEqual([
      ['127.0.0.1', 8080, 0, '0A', '4711'],
      ['0.0.0.0', 68, 0, '07', '815'],
    ])
  })
})
