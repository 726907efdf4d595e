// SPDX-License-Identifier: Apache-2.0
// The files of deploy/ against Prometheus' own tool, the metrics that the daemon exports, the settings' schema and the unit.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { checkSource } from '../../src/config/check.js'
import { parseYaml } from '../../src/config/source.js'
import { daemonCollectors } from '../../src/metrics/collectors.js'
import { Metrics } from '../../src/metrics/metrics.js'
import { Connections } from '../../src/services/connections.js'
import { ServiceRegistry } from '../../src/services/registry.js'
import { Requests } from '../../src/services/requests.js'
import { Traffic } from '../../src/services/traffic.js'
import { RecordedKernel } from './support/kernel.js'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, 'deploy', path), 'utf8')
const yamls = (path: string): unknown[] => parseAllDocuments(read(path)).map((doc) => doc.toJS() as unknown)

const promtool = (...args: string[]) => {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd: join(root, 'deploy/prometheus'), encoding: 'utf8' })
  if (error) throw new Error(`promtool is needed (Debian: prometheus): ${error.message}`)
  return { status, text: `${stdout}${stderr}` }
}
/** Has promtool read expressions, as rules. */
const checkExpressions = (expressions: readonly string[]) => {
  const dir = mkdtempSync(join(tmpdir(), 'flowident-deploy-'))
  try {
    writeFileSync(
      join(dir, 'r.yml'),
      JSON.stringify({ groups: [{ name: 'g', rules: expressions.map((expr, i) => ({ record: `r${i}`, expr })) }] }),
    )
    return promtool('check', 'rules', join(dir, 'r.yml'))
  } finally {
    rmSync(dir, { recursive: true })
  }
}

interface DaemonSet {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly volumes: { readonly name: string }[]
        readonly containers: {
          readonly name: string
          readonly ports: { readonly name: string }[]
          readonly securityContext: { readonly capabilities: { readonly add: string[] } }
          readonly volumeMounts: { readonly name: string; readonly mountPath: string }[]
        }[]
      }
    }
  }
}
interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
}
const rulesOf = (path: string): Rule[] => (parse(read(path)) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules)
const recording = rulesOf('prometheus/recording.yml')
const alerts = rulesOf('prometheus/alerts.yml')
const dashboard = JSON.parse(read('grafana/services.json')) as { panels: { id: number; title: string; targets: { expr: string }[] }[] }
const panels = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
const adapter = parse(read('kubernetes/prometheus-adapter.yml')) as {
  rules: { external: { seriesQuery: string; name: { as: string }; metricsQuery: string }[] }
}

describe('Prometheus', () => {
  it('takes the configuration and the rules', () => {
    for (const args of [
      ['check', 'config', 'prometheus.yml'],
      ['check', 'rules', 'recording.yml', 'alerts.yml'],
    ]) {
      const { status, text } = promtool(...args)
      expect([status, text.match(/FAILED.*/)?.[0]]).toEqual([0, undefined])
    }
  })
  it('gives the values and alerts of the rules’ own tests', () => {
    const { status, text } = promtool('test', 'rules', 'tests.yml')
    expect(status, text).toBe(0)
  })
  it('tests every alert', () => {
    const tests = read('prometheus/tests.yml')
    expect(alerts.map(({ alert }) => alert).filter((alert) => !tests.includes(`alertname: ${alert}\n        exp_alerts`))).toEqual([])
  })
  it('understands the expressions of the dashboard and of the adapter, and none that is wrong', () => {
    const { external } = adapter.rules
    const query = external[0]!.metricsQuery
      .replace('<<.Series>>', 'flowident_http_request_duration_seconds_count')
      .replace('<<.LabelMatchers>>', 'service="a"')
    const { status, text } = checkExpressions([...panels, query, external[0]!.seriesQuery])
    expect(status, text).toBe(0)
    expect(checkExpressions(['sum by (a']).status).not.toBe(0)
  })
})

describe('metrics', () => {
  it('that are asked for are exported or recorded', async () => {
    const metrics = new Metrics(
      daemonCollectors({
        kernel: new RecordedKernel(),
        build: { version: '0', libbpf: '1', abi: 1 },
        traffic: new Traffic(16),
        registry: new ServiceRegistry(),
        maxSeries: 100,
        labels: [],
        updateTraffic: async () => undefined,
        connections: new Connections(),
        updateConnections: async () => undefined,
        requests: { sums: new Requests(), update: async () => undefined },
        resources: {
          usage: async () => ({ cgroups: [], leftOut: 0 }),
          aggregates: async () => new ArrayBuffer(0),
          services: () => new Map(),
        },
        attachments: () => [],
        fills: () => [],
        losses: () => ({}),
      }),
      (collector, error) => expect.fail(`${collector}: ${error}`),
      () => performance.now(),
    )
    const { text } = await metrics.scrape(false)
    const exported = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]))
    const recorded = new Set(recording.map(({ record }) => record))
    const known = (name: string): boolean =>
      exported.has(name) || recorded.has(name) || name === 'up' || exported.get(name.replace(/_(bucket|sum|count)$/, '')) === 'histogram'
    const all = [...recording, ...alerts].map(({ expr }) => expr).concat(panels, adapter.rules.external[0]!.seriesQuery)
    const names = new Set(all.flatMap((expr) => expr.match(/\b(?:service:)?(?:flowident|container)_[a-z0-9_:]+|\bup\b/g) ?? []))
    expect(names.size).toBeGreaterThan(20)
    expect([...names].filter((name) => !known(name))).toEqual([])
    expect(known('flowident_no_such_thing')).toBe(false)
    // Every recorded series is used somewhere.
    const users = [...alerts.map(({ expr }) => expr), ...panels]
    expect([...recorded].filter((name) => name !== undefined && !users.some((expr) => expr.includes(name)))).toEqual([])
  })
})

describe('Kubernetes', () => {
  const [, config, set] = yamls('kubernetes/daemonset.yml') as [unknown, { data: Record<string, string> }, DaemonSet]
  const settings = config.data['flowident.yaml'] ?? ''
  const pod = set.spec.template.spec
  const container = pod.containers[0]!

  it('has settings that the schema knows', () => {
    const { mistakes } = checkSource(parseYaml('flowident.yaml', settings).source)
    expect(mistakes).toEqual([])
  })
  it('grants what the unit grants, and no more', () => {
    const unit = readFileSync(join(root, 'packaging/flowident.service'), 'utf8')
    const granted = /^CapabilityBoundingSet=(.*)$/m
      .exec(unit)?.[1]
      ?.split(' ')
      .map((name) => name.replace('CAP_', ''))
    expect([...container.securityContext.capabilities.add].sort()).toEqual([...(granted ?? [])].sort())
    expect(container.securityContext).toMatchObject({ privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
    expect(pod).toMatchObject({ hostPID: true, hostNetwork: true, automountServiceAccountToken: false })
  })
  it('mounts what the settings name, and every volume is there', () => {
    const paths = container.volumeMounts.map(({ mountPath }) => mountPath)
    expect(paths).toContain((parse(settings) as { cgroup: { path: string } }).cgroup.path)
    const names = container.volumeMounts.map(({ name }) => name).sort()
    expect(pod.volumes.map(({ name }) => name).sort()).toEqual(names)
  })
  it('scales on a metric that the adapter offers', () => {
    const [hpa] = yamls('kubernetes/hpa.yml') as { spec: { metrics: { external: { metric: { name: string } } }[] } }[]
    expect(hpa?.spec.metrics[0]?.external.metric.name).toBe(adapter.rules.external[0]!.name.as)
    const [job] = parse(read('kubernetes/scrape.yml')) as { job_name: string; relabel_configs: { regex?: string }[] }[]
    expect(job!.relabel_configs[0]!.regex).toBe(`${container.name};${container.ports[0]?.name}`)
  })
})

describe('the dashboard', () => {
  it('has panels of their own number, none twice at one place', () => {
    const { panels: all } = JSON.parse(read('grafana/services.json')) as { panels: { id: number; gridPos: { x: number; y: number } }[] }
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    expect(new Set(all.map(({ gridPos }) => `${gridPos.x}/${gridPos.y}`)).size).toBe(all.length)
  })
})

describe('deploy/README.md', () => {
  it('names every file', () => {
    const files = readdirSync(join(root, 'deploy'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(yml|json)$/.test(name))
    expect(files.length).toBeGreaterThan(7)
    expect(files.filter((name) => !read('README.md').includes(name))).toEqual([])
  })
})
