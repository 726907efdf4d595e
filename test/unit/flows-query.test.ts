// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { type FlowFacts, globMatcher, parseQuery, QueryError } from '../../src/flows/query.js'
import { type FlowSpec, viewOfRecord } from './support/records.js'

const facts = (spec: FlowSpec = {}): FlowFacts => ({
  view: viewOfRecord({ layers: ['ssh'], ...spec }),
  labels: () => new Map([['http.host', 'shop.example.com']]),
  owner: () => ({ pid: 42, uid: 33, userName: 'www-data', comm: 'nginx', exePath: '/usr/sbin/nginx', unit: 'nginx.service' }),
  service: () => ({ id: 'shop-v2', name: 'shop' }),
  interfaceName: () => 'eth0',
})

describe('queries', () => {
  it.each([
    '',
    'service:shop',
    'service:shop-v2',
    'service:sh*',
    'protocol:ssh',
    'protocol:dns,ssh',
    'port:443',
    'port:50000',
    'dport:400-500',
    'sport:>1024',
    'dst:10.0.0.0/8',
    'src:10.0.0.2',
    'addr:10.0.0.1',
    'pid:42',
    'user:www-*',
    'process:/usr/sbin/*',
    'unit:nginx.service',
    'http.host:*.example.com',
    'host:"shop.example.com"',
    'transport:tcp state:live confidence:confirmed',
    '-protocol:dns',
    'interface:eth?',
    'bytes:>=600 bytes:<=600',
    'view:socket role:server',
  ])('%s matches', (text) => expect(parseQuery(text).matches(facts())).toBe(true))

  it.each([
    'service:payment',
    '-service:shop',
    'dport:50000',
    'src:10.0.0.1',
    'dst:10.0.0.2',
    'port:>50000',
    'http.host:example.com',
    'url.path:*',
    'state:ended',
    'protocol:ssh port:80',
    'tls.sni:*',
  ])('%s does not match', (text) => expect(parseQuery(text).matches(facts())).toBe(false))

  it.each([
    ['protcol:grpc', 0, 'protocol'],
    ['port:80 servic:x', 8, 'service'],
    ['port:http', 5, 'http'],
    ['dst:10.0.0.0/40', 4, '10.0.0.0/40'],
    ['state:live :443', 11, ':443'],
    ['port:', 5, 'no value'],
    ['host:"open', 5, 'quote'],
    ['confidence:confirmd', 11, 'confirmd'],
    ['__proto__:x', 0, '__proto__'],
    ['constructor:x', 0, 'constructor'],
    ['htp.host:x', 0, 'http.host'],
  ])('%s is refused at %i with %s', (text, position, words) => {
    let error: unknown
    try {
      parseQuery(text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(QueryError)
    expect((error as QueryError).position).toBe(position)
    expect(`${(error as QueryError).message} ${(error as QueryError).hint}`).toContain(words)
  })

  it('matches patterns without taking for ever', () => {
    const start = performance.now()
    expect(globMatcher(`${'*a'.repeat(200)}b`)('a'.repeat(5000))).toBe(false)
    expect(performance.now() - start).toBeLessThan(1000)
    expect(globMatcher('a*c?e')('abbbcde')).toBe(true)
    expect(globMatcher('*')('')).toBe(true)
    expect(globMatcher('a.c')('abc')).toBe(false)
  })
})
