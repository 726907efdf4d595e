// SPDX-License-Identifier: Apache-2.0
// Every setting, once: type, default, check, and the text of docs/CONFIG.md. Environment names and flags are derived from the path.
import Type, { type Static } from 'typebox'
import { logFormats, logLevels } from '../log.js'
import { isListen } from './listen.js'
import { count, folder, glob, name, type SettingSchema, section, word, words } from './schema-words.js'

export type { SettingSchema } from './schema-words.js'

const serviceMatch = Type.Object(
  {
    unit: glob('systemd unit, for example `nginx.service` or `app-*.service`'),
    container: glob('container id, short or long'),
    pod: glob('Kubernetes pod uid'),
    executable: glob('path of the executable'),
    command_line: glob('the whole command line'),
    user: glob('user name or number'),
    cgroup: glob('cgroup path, from the root of the hierarchy'),
    host: glob('virtual host: HTTP Host, :authority or TLS server name'),
    protocol: glob('protocol of the service, for example `http1`'),
    port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65535, description: 'port the service listens on', expects: 'a port' })),
  },
  { additionalProperties: false, minProperties: 1, description: 'what the owner must look like; all given members must match' },
)

const serviceRule = Type.Object(
  {
    match: serviceMatch,
    name: Type.Optional(name('`service.name` of what matches')),
    version: Type.Optional(name('`service.version` of what matches')),
    environment: Type.Optional(name('`deployment.environment` of what matches')),
    files: Type.Optional(
      words(
        [],
        'configuration files of what matches, for its configuration hash',
        { pattern: '^/', maxLength: 4096 },
        'a list of absolute paths',
      ),
    ),
  },
  { additionalProperties: false, minProperties: 2, description: 'one rule' },
)
export type ServiceRule = Static<typeof serviceRule>

/** Labels that the per-service metrics may carry beside `service` and `protocol`. */
export const metricLabels = ['kind', 'role', 'view', 'transport', 'environment', 'version'] as const

export const configSchema = section('Settings of flowident', {
  listen: words(
    ['unix:/run/flowident/flowident.sock', '127.0.0.1:19100'],
    'Where API and metrics are served: `unix:/path`, `host:port`, `[v6 address]:port`, or `fd:NAME` of a socket that systemd passes.',
    { format: 'listen' },
    'unix:/path, host:port, [v6 address]:port or fd:NAME',
  ),
  wire: section('The wire view: what crosses network interfaces', {
    interfaces: words(
      ['auto'],
      'Names or patterns (`eth*`) of interfaces; `auto` = those with a device behind them, not loopback or veth; `none` = no wire view.',
      { maxLength: 32 },
      'interface names or patterns, auto, or none',
    ),
    mode: word(['auto', 'native', 'generic', 'off'], 'auto', 'How XDP is attached for ingress; `auto` tries the driver first.'),
    egress: word(['auto', 'tcx', 'clsact', 'off'], 'auto', 'How the egress program is attached; `auto` tries TCX first.'),
  }),
  socket: section('The socket view: packets of local sockets, with their owner', {
    enabled: Type.Boolean({ default: true, description: 'Attach the cgroup and tracing programs.', expects: 'true or false' }),
  }),
  cgroup: section('Control groups', {
    path: Type.String({
      default: 'auto',
      minLength: 1,
      maxLength: 4096,
      pattern: '^(auto|/.*)$',
      description: 'The cgroup v2 folder whose sockets are watched; `auto` = where cgroup2 is mounted.',
      expects: 'auto or an absolute path',
    }),
  }),
  limits: section('Sizes of what is kept; each is a bound on memory, and reaching it is counted', {
    flows: count(131_072, 1024, 16_777_216, 'Flows held at a time (wire view and unconnected sockets).'),
    pending: count(4096, 256, 1_048_576, 'Flows whose first bytes are kept while undecided.'),
    ring_bytes: Type.Integer({
      default: 4_194_304,
      minimum: 65_536,
      maximum: 1_073_741_824,
      format: 'power-of-two',
      description: 'Size of the ring between kernel and daemon.',
      expects: 'a power of two from 65536 to 1073741824',
    }),
    aggregates: count(16_384, 256, 1_048_576, 'Combinations of service, protocol and direction that the kernel counts.'),
    labels_bytes: count(16_777_216, 65_536, 1_073_741_824, 'Bytes of payload held while labels are put together.'),
  }),
  budget: section('What flowident may cost', {
    cpu: Type.String({
      default: 'off',
      maxLength: 8,
      pattern: '^(off|(100|[1-9]?[0-9](\\.[0-9]{1,2})?)%)$',
      description:
        'Share of the time of all CPUs, for example `2%`, for kernel programs and daemon together. Above it less is done for flows, step by step (docs/RELIABILITY.md).',
      expects: 'off, or a percentage such as 2%',
    }),
  }),
  flows: section('What the daemon remembers of flows', {
    history: count(10_000, 0, 1_000_000, 'Ended flows that the API still shows.'),
    idle_seconds: section('After how long without a packet a flow counts as ended, by transport', {
      tcp: count(3600, 5, 604_800, 'TCP.'),
      udp: count(120, 5, 604_800, 'UDP.'),
      other: count(60, 5, 604_800, 'Everything else.'),
    }),
  }),
  metrics: section('Metrics at /metrics', {
    max_series: count(2000, 10, 200_000, 'Series per family; services beyond it are summed in `~other`.'),
    resources: Type.Boolean({
      default: false,
      description:
        'CPU, memory and network of containers and units under cAdvisor’s names; leave it off where cAdvisor is scraped as well.',
      expects: 'true or false',
    }),
    labels: Type.Array(
      Type.Unsafe<(typeof metricLabels)[number]>({ type: 'string', enum: metricLabels, expects: `${metricLabels.join(', ')}` }),
      {
        default: ['kind'],
        uniqueItems: true,
        maxItems: metricLabels.length,
        description: `Labels beside \`service\` and \`protocol\`: any of ${metricLabels.join(', ')}.`,
        expects: `a list of ${metricLabels.join(', ')}`,
      },
    ),
  }),
  log: section('The log, on stderr', {
    level: word(logLevels, 'info', 'The least severe level that is written.'),
    format: word(logFormats, 'auto', '`auto` = journal under systemd, pretty on a terminal, json otherwise.'),
  }),
  services: section('How services are named', {
    environment: Type.String({
      default: '',
      maxLength: 63,
      pattern: '^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$',
      description: '`deployment.environment` of services that say nothing of their own; empty = none.',
      expects: 'a name, or nothing',
    }),
    rules: Type.Array(serviceRule, {
      default: [],
      maxItems: 1000,
      prepend: true,
      description: 'Names by rule, first match wins; rules of a later file come before those of an earlier one. Patterns know `*` and `?`.',
      expects: 'a list of rules, each with `match` and one of `name`, `version`, `environment`',
    }),
  }),
  rules: section('Drop rules', {
    folder: folder('/etc/flowident/rules.d', 'Folder whose *.yaml files hold the rules that are in force from the start.'),
    override_guard: words(
      [],
      'Rules of that folder that may cut off SSH sessions and clients of the API; without their names here such a set is not taken.',
      { maxLength: 63 },
      'names of rules',
      0,
    ),
  }),
  keep: section('What outlives the daemon', {
    enabled: Type.Boolean({
      default: false,
      description: 'Programs, rules, verdicts and counters stay in the kernel when the daemon ends, and the next one takes them over.',
      expects: 'true or false',
    }),
    folder: folder('/sys/fs/bpf/flowident', 'Folder on a BPF file system for them.', 200),
    state: folder(
      '/var/lib/flowident',
      'Folder for the text of the rules in force, so that rules that were applied outlive the daemon as well.',
    ),
  }),
  packs: section('Signature packs', {
    folder: folder('/etc/flowident/signatures.d', 'Folder whose *.yaml files add protocols; read again on SIGHUP.'),
  }),
  requests: section('Requests: durations of HTTP/1, DNS and Redis, at a cost for each packet of their flows (docs/METRICS.md)', {
    enabled: Type.Boolean({ default: false, description: 'Measure them; needs the socket view.', expects: 'true or false' }),
    series: count(1000, 10, 100_000, 'Series, each a histogram; the rest is summed in `~other`.'),
    hosts: count(100, 2, 4000, 'Virtual hosts with a name of their own.'),
    routes: count(200, 2, 4000, 'Routes with a name of their own.'),
    templates: words([], 'Routes such as `/users/{id}/orders` or `/static/{*}`; the first that fits.', { maxLength: 100 }, 'paths', 0),
    ring_bytes: count(8_388_608, 65_536, 268_435_456, 'Size of the ring for their packets.'),
  }),
  deep: section('Work done in user space on top of the kernel verdict', {
    quic: Type.Boolean({ default: true, description: 'Decrypt QUIC Initial packets for server name and ALPN.', expects: 'true or false' }),
  }),
})

export type Config = Static<typeof configSchema>
/** The same schema, seen as data. */
export const rootSchema = configSchema as unknown as SettingSchema

/** Checks that JSON Schema has no word for. */
export const formats: Readonly<Record<string, { type: 'string' | 'number'; validate: (value: never) => boolean }>> = {
  listen: { type: 'string', validate: (value: string) => isListen(value) },
  'power-of-two': { type: 'number', validate: (value: number) => value > 0 && Number.isInteger(Math.log2(value)) },
}

export interface Setting {
  /** Dotted path, as in `wire.mode`. */
  readonly path: string
  readonly keys: readonly string[]
  readonly schema: SettingSchema
}

/** All settings that are not sections, in the order of the schema. */
export function settings(schema: SettingSchema = rootSchema, keys: readonly string[] = []): Setting[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, child]) => {
    const path = [...keys, key]
    return child.section === true ? settings(child, path) : [{ path: path.join('.'), keys: path, schema: child }]
  })
}

/** Whether a setting can be one word of the environment or of a flag; lists of objects cannot. */
export const isPlain = ({ schema }: Setting): boolean => schema.type !== 'array' || schema.items?.type === 'string'
export const environmentName = (path: string): string => `FLOWIDENT_${path.replaceAll('.', '_').toUpperCase()}`
export const flagName = (path: string): string => `--${path.replaceAll(/[._]/g, '-')}`

export function defaults(schema: SettingSchema = rootSchema): Config {
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([key, child]) => [
      key,
      child.section === true ? defaults(child) : structuredClone(child.default),
    ]),
  ) as unknown as Config
}
