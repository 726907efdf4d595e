// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { addressBytes, addressText, inPrefix, parsePrefix } from '../../src/flows/address.js'
import { readBatch, type RecordHandler } from '../../src/flows/decode.js'
import { flowId, flowToJson, parseFlowId } from '../../src/flows/json.js'
import { RecordView } from '../../src/flows/record-view.js'
import { execRecord, join, labelsRecord, record, viewOfRecord } from './support/records.js'

const handler = (got: string[]): RecordHandler => ({
  flow: (view) => got.push(`flow ${flowId(view)}`),
  labels: ({ id, labels }) => got.push(`labels ${id} ${JSON.stringify([...labels])}`),
  exec: ({ owner, path, args }) => got.push(`exec ${owner.pid} ${path} ${JSON.stringify(args)}`),
  cgroup: () => got.push('cgroup'),
  listen: () => got.push('listen'),
  sample: () => got.push('sample'),
})

describe('decoding', () => {
  it('walks records of several kinds and steps over unknown ones', () => {
    const strange = new Uint8Array(24)
    new DataView(strange.buffer).setUint16(0, 99, true)
    new DataView(strange.buffer).setUint32(4, 24, true)
    const batch = join(
      record({ id: 5n }),
      strange,
      execRecord({ pid: 9 }, '/bin/x', 'x\0-v\0'),
      labelsRecord(5n, { 'tls.sni': 'a.example' }),
    )
    const got: string[] = []
    expect(readBatch(batch, 0, batch.byteLength, handler(got), new RecordView())).toBe(batch.byteLength)
    expect(got).toEqual(['flow s-5', 'exec 9 /bin/x "x\\u0000-v\\u0000"', 'labels 5 [["tls.sni","a.example"]]'])
  })
  it('stops at sizes that cannot be, whatever the bytes', () => {
    for (const size of [0, 8, 15, 0xffff_ffff]) {
      const bad = record()
      new DataView(bad.buffer).setUint32(4, size, true)
      const batch = join(bad, record())
      const got: string[] = []
      expect(readBatch(batch, 0, batch.byteLength, handler(got), new RecordView())).toBe(batch.byteLength)
      expect(got).toEqual([])
    }
  })
  it('never reads past a record cut anywhere', () => {
    const whole = new Uint8Array(join(labelsRecord(1n, { 'http.host': 'h', 'url.path': '/' })))
    for (let n = 0; n <= whole.length; n++) {
      const cut = whole.slice(0, n)
      if (n >= 8) new DataView(cut.buffer).setUint32(4, n, true)
      expect(() => readBatch(cut.buffer, 0, n, handler([]), new RecordView())).not.toThrow()
    }
  })
  it('turns invalid UTF-8 into U+FFFD and keeps control characters for JSON to escape', () => {
    const batch = join(labelsRecord(1n, { 'http.host': 'a\xffb\x1b[31m\n"\0' }))
    const got: string[] = []
    readBatch(batch, 0, batch.byteLength, handler(got), new RecordView())
    expect(got[0]).toContain('a\ufffdb')
    expect(got[0]).not.toMatch(/[\u0000-\u001f]/)
  })
})

describe('addresses', () => {
  it.each(['10.0.0.1', '::', '::1', '2001:db8::1', '1:0:0:2::', '1:2:3:4:5:6:7:8', 'fe80::1:0:0:1', '0:1::', '1:0:2:0:3:0:4:0'])(
    '%s is read and written the same',
    (text) => {
      const bytes = addressBytes(text)!
      expect(addressText(new DataView(bytes.buffer), 0, text.includes(':') ? 6 : 4)).toBe(text)
    },
  )
  it.each(['10.1', '1.2.3.400', 'fe80::1%eth0', 'x', '', '0x7f.1'])('%s is no address', (text) =>
    expect(addressBytes(text)).toBeUndefined(),
  )
  it.each([
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/9', '10.128.0.1', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['::/0', '2001:db8::1', true],
    ['2001:db8::/33', '2001:db8:8000::1', false],
    ['10.0.0.1', '10.0.0.1', true],
  ])('%s and %s: %s', (network, address, inside) => {
    const bytes = addressBytes(address)!
    expect(inPrefix(new DataView(bytes.buffer), 0, parsePrefix(network)!)).toBe(inside)
  })
  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '::/129', '10.0.0.0/8/8'])('%s is no network', (text) =>
    expect(parsePrefix(text)).toBeUndefined(),
  )
})

describe('a flow as JSON', () => {
  it('has the source that opened it, whichever end that is', () => {
    const json = flowToJson(viewOfRecord({ bytes: [10n, 20n], packets: [1n, 2n], layers: ['ssh'] }), undefined, { epochMs: 0 })
    expect(json).toMatchObject({
      id: 's-1',
      view: 'socket',
      role: 'server',
      'network.transport': 'tcp',
      'network.type': 'ipv4',
      'source.address': '10.0.0.2',
      'source.port': 50000,
      'destination.address': '10.0.0.1',
      'destination.port': 443,
      'network.protocol.name': 'ssh',
      'flowident.layers': ['ssh'],
      'flowident.confidence': 'confirmed',
      'flowident.evidence': { signature: 'ssh/1', direction: 'server', offset: 0, packet: 1 },
      'source.bytes': 20,
      'destination.bytes': 10,
      'source.packets': 2,
      'flowident.start': '1970-01-01T00:00:01.000Z',
    })
    const unflipped = flowToJson(viewOfRecord({ flags: 2, role: 1, bytes: [10n, 20n] }), undefined, { epochMs: 0 })
    expect(unflipped).toMatchObject({ role: 'client', 'source.address': '10.0.0.1', 'source.bytes': 10 })
  })
  it('says unknown when nothing is known, and never less', () => {
    const json = flowToJson(viewOfRecord({ confidence: 2 }), undefined, { epochMs: 0 })
    expect(json).toMatchObject({
      'network.protocol.name': 'unknown',
      'flowident.layers': [],
      'flowident.confidence': 'unknown',
      'flowident.evidence': null,
    })
  })
  it('writes counters above 2^53 exactly', () => {
    const json = flowToJson(viewOfRecord({ flags: 0, bytes: [2n ** 53n + 1n, 2n ** 53n - 1n] }), undefined, { epochMs: 0 })
    expect(json['source.bytes']).toBe('9007199254740993')
    expect(json['destination.bytes']).toBe(9007199254740991)
  })
  it('names the flow by its named layer and the evidence by the innermost', () => {
    const json = flowToJson(viewOfRecord({ layers: ['ssh', 'tls'], named: 0 }), undefined, { epochMs: 0 })
    expect(json['network.protocol.name']).toBe('ssh')
    expect(json['flowident.layers']).toHaveLength(2)
  })
  it.each([1n, 0xffff_ffffn, 0x1_0000_0000n, 0x8000_0000_0000_0001n])('id %s is read back', (id) => {
    const text = flowId(viewOfRecord({ id }))
    const { high, low } = parseFlowId(text)!
    expect((BigInt(high) << 32n) | BigInt(low)).toBe(id)
  })
  it.each(['', 's-', 'x-1', 's-00000000000000001', 's-G', '../etc'])('%s is no id', (id) => expect(parseFlowId(id)).toBeUndefined())
})
