// SPDX-License-Identifier: Apache-2.0
// The whole boundary between JavaScript and C++. Layouts of the buffers are those of bpf/abi.h (src/gen/abi.ts).
// Everything that may block returns a promise and runs off the main thread.

/** `code` is the errno's name (EPERM …), or EFLOWIDENT when the system had no part in it. */
export interface NativeError extends Error {
  code: string
  op: string
  object?: string
  errno?: number
  verifierLog?: string
}

export interface Attachment {
  program: string
  /** cgroup path, interface name or tracepoint */
  target: string
  ifindex?: number
  /** native | generic | tcx | clsact | cgroup | tracepoint | iter | socket-filter | none */
  mode: string
  ok: boolean
  /** Why not, or, where ok, why it is not the first choice. */
  error?: string
}

export interface ProgramStats {
  name: string
  type: string
  runCount: bigint
  runNs: bigint
  insns: number
  verifiedInsns: number
  memlock: number
}

export interface MapStats {
  name: string
  /** Entries in use; of a ring buffer the bytes not yet read; of an array its capacity. */
  entries: number
  capacity: number
  bytes: number
}

export interface KernelOptions {
  /** Path of an object file instead of the built-in one. */
  object?: string
  flows?: number
  pending?: number
  ringBytes?: number
  aggregates?: number
  /** Size of the ring for packets of requests. */
  requestBytes?: number
  /** Programs not to load. */
  without?: string[]
  /** Read-only variables of the object, by name. */
  constants?: Record<string, number>
  /** Folder on a BPF file system for what outlives this process; without it nothing does. */
  keep?: string
  /** Have the kernel measure program run time. */
  stats?: boolean
}

export interface RequestOptions {
  /** Most series; the rest is summed in `~other`. */
  series?: number
  /** Most virtual hosts and routes that have names. */
  hosts?: number
  routes?: number
  /** Connections followed at a time. */
  flows?: number
  /** Routes such as /users/{id}; the first that fits. */
  templates?: readonly string[]
}

/** A compiled set of rules: arrays in the layouts of bpf/rules.h. */
export interface RuleTables {
  /** struct fi_rules_head */
  head: Uint8Array
  /** struct fi_rule_row[] */
  rows: Uint8Array
  /** Row numbers, by enum fi_rule_small. */
  small: Uint8Array
  /** { struct fi_rule_exact, row }[] */
  exact: Uint8Array
  /** struct fi_rule_limit of each rule; empty when none has a rate. */
  limits: Uint8Array
  /** struct fi_rules_epoch[]; empty when no rule expires. */
  epochs: Uint8Array
  /** struct fi_rule_prefix[] and a row number for each. */
  sources: Uint8Array
  sourceRows: Uint8Array
  destinations: Uint8Array
  destinationRows: Uint8Array
}

export interface SkippedProgram {
  program: string
  error: string
  verifierLog?: string
}

export interface KernelHandle {
  /** Optional programs that this kernel refused. */
  readonly skipped: SkippedProgram[]
  /** Attaches the cgroup and tracing programs; runs the start-up iterators. cgroup: a directory of cgroup v2, null for none. */
  attachHost(options: { cgroup: string | null }): Promise<Attachment[]>
  /** auto: the best that the interface takes. What is in another program's hands is left alone. */
  attachInterface(
    ifindex: number,
    options: { xdp: 'auto' | 'native' | 'generic' | 'off'; egress: 'auto' | 'tcx' | 'clsact' | 'off' },
  ): Promise<Attachment[]>
  /** Passive: a packet socket with the filter program. ifindex 0: every interface of this network namespace. */
  attachFilter(ifindex: number): Promise<Attachment[]>
  detachInterface(ifindex: number): void
  /** alive: what was attached there is there still. xdpFree: no program holds the XDP slot. */
  interfaceState(ifindex: number): { alive: boolean; xdpFree: boolean }
  /** The buffer is reused: decode before returning. Keeps the process alive until close(). */
  startRing(onBatch: (buffer: ArrayBuffer, bytes: number) => void): void
  /** struct fi_record[] of live flows: the sockets' first, then the tables'. */
  dumpFlows(): Promise<ArrayBuffer>
  /** Has the kernel end and remove the flows in its tables that were silent too long; their ends arrive through the ring. */
  expire(): Promise<void>
  /** Writes what fi_rule_flow left for later (FI_DECIDED_LATER) into the flows of sockets. Rejects with ENOENT where the kernel lacks iterators. */
  ruleSockets(): Promise<void>
  /** { struct fi_agg_key, struct fi_agg summed over CPUs }[]; first, with a zero key, the flows not decided yet. */
  aggregates(): Promise<ArrayBuffer>
  /** { struct fi_agg_key, struct fi_conn }[] of the aggregates that had TCP connections. */
  connections(): Promise<ArrayBuffer>
  /** Begins to measure requests; the object's fi_cfg_requests must be 1. */
  startRequests(options: RequestOptions): void
  /** { struct fi_agg_key, u64 sum of nanoseconds, u64 of each bucket, u64 bytes of text, text padded to 8 }[]. Text, by tabs: kind, method or
   * type, status or code, host, route; or `loss` and its cause, the number in place of the sum. A zero key: of several aggregates. */
  requests(): Promise<ArrayBuffer>
  /** By enum fi_counter, summed over CPUs. */
  counters(): BigUint64Array
  /** What the label assembler had to give up. */
  labelLosses(): { flowsEvicted: bigint; bytesDropped: bigint; labelsDropped: bigint }
  programs(): ProgramStats[]
  maps(): Promise<MapStats[]>
  testRun(
    program: string,
    data: Uint8Array,
    options?: { repeat?: number; ctx?: Uint8Array },
  ): { retval: number; durationNs: number; data: Uint8Array }
  /** Puts a set of rules in force in place of the one before, at once; null: no rules. Gives its generation. After `trialMs` the one
   * before is in force again, also when this process is dead by then, unless endTrial(true) came. */
  installRules(tables: RuleTables | null, trialMs?: number): Promise<number>
  /** Keeps the set on trial (ETIME: too late), or brings the one before back. Gives the generation in force. ENOENT: there is no trial. */
  endTrial(confirm: boolean): Promise<number>
  /** struct fi_rules_switch, then struct fi_rule_hits[] of the first so many rules of the set in force. */
  ruleHits(rules: number): Promise<ArrayBuffer>
  /** Puts these packs in force in place of those before, at once. names: PACK_IDS * 32 bytes, the name of each id ended by 0. */
  installPacks(packs: Uint8Array, names: Uint8Array): void
  /** The names that the loaded programs hold, as above. */
  packNames(): Uint8Array
  /** Has the programs do less for flows, to keep the CPU budget: enum fi_budget_step. Holds until it is set again. */
  setBudget(step: number): void
  /** What is kept for the process after this one; without a folder nothing is. */
  readonly kept: {
    readonly folder?: string
    /** Maps and attachments that were there already. */
    readonly maps?: number
    readonly links?: number
    /** Sets of tables of other versions that are there: their rules are in force, but nothing that they know is taken over. */
    readonly otherLayouts?: number
    /** The rules of one of these were switched off. */
    readonly rulesOff?: boolean
    /** Why nothing is kept although it was asked for. */
    readonly error?: string
  }
  /** Everything that is wanted is attached: what earlier processes kept besides is removed. */
  settle(): void
  /** Detaches everything that is not kept. Twice is allowed. */
  close(): void
}

export interface ReplaySummary {
  packets: number
  bytes: bigint
  flows: number
  /** pcap, pcapng, or what the first bytes look like instead */
  format: string
  /** Link type of the first packet. */
  link: number
  /** Flows given out early for want of room. */
  evicted: number
  linkUnknown: number
  /** Packets that the capture shortened. */
  cut: number
  firstNs: bigint
  lastNs: bigint
  labelFlowsEvicted: number
  labelBytesDropped: number
  labelsDropped: number
  /** Why reading stopped before the end. */
  problem: string | null
  /** Not a capture at all. */
  foreign: boolean
}

export interface ReplayHandle {
  feed(chunk: Uint8Array): void
  end(): void
  take(): ArrayBuffer | null
  counters(): BigUint64Array
  summary(): ReplaySummary
}

export interface ProbeResult {
  feature: string
  ok: boolean
  errno?: number
  detail?: string
}

/** A classifier, which unlike a link stays when its process is killed. */
export interface ClsactFilter {
  program: string
  programId: number
  ifindex: number
  egress: boolean
  handle: number
  priority: number
}

export interface Addon {
  version(): { libbpf: string; abi: number }
  openKernel(options: KernelOptions): Promise<KernelHandle>
  /** Removes all that was kept in this folder, and detaches it; says how many objects there were. EBUSY: a process has it. */
  takeDown(folder: string): Promise<number>
  /** Classifiers of flowident on clsact, of this process or of others, in the network namespace that this process is in. */
  clsactFilters(): ClsactFilter[]
  /** Removes one, and the qdisc when nothing else is on it. One that is gone already is no error. */
  removeFilter(filter: ClsactFilter): void
  /** Tries each kernel feature for real. */
  probe(): Promise<ProbeResult[]>
  /** packs: rules as src/packs/compile.ts writes them. */
  createReplay(options: { maxFlows?: number; idleSeconds?: number; packs?: Uint8Array }): ReplayHandle
  /** How many of so many random payloads the rules claim. */
  packClaims(packs: Uint8Array, count: number): number
  /** Protocol ids of those samples (src/packs/samples.ts) that match a rule, each once. */
  packSteals(packs: Uint8Array, samples: Uint8Array): Uint16Array
  /** Takes rules out of force in every flowident on this host, whether its daemon answers or not; says in how many. */
  rulesOff(): number
  /** What requests() gives after these struct fi_request_event, each with as much data as it kept; a slot's key has it as uid. */
  measureRequests(events: Uint8Array, options: RequestOptions): ArrayBuffer
  /** Ends the TCP connection of a local socket as `ss --kill` does: both ends see a reset. `tuple`: struct fi_tuple of the socket view,
   * `cookie`: of the socket, the id of its flow; `netns`: path of its network namespace, '' = this one. ENOENT: there is no such socket
   * any more; EOPNOTSUPP: the kernel lacks CONFIG_INET_DIAG_DESTROY. */
  resetSocket(tuple: Uint8Array, cookie: bigint, netns: string): Promise<void>
  /** struct fi_rule_verdict for each struct fi_rule_packet, by the same code as in the kernel. */
  evaluateRules(tables: RuleTables, packets: Uint8Array): Uint32Array
  /** [protocol id, fi_answer] pairs of every answer that is not FI_NO. */
  signatures(
    bytes: Uint8Array,
    window: {
      l4: number
      whole?: boolean
      start?: boolean
      from?: number
      sport?: number
      dport?: number
      total?: number
      below?: number
    },
  ): BigUint64Array
  /** Labels found, packed as in struct fi_labels. */
  labels(
    protocol: number,
    bytes: Uint8Array,
    text: { who: number; whole?: boolean; l4?: number; last?: boolean },
  ): { complete: boolean; bytes: Uint8Array }
  /** False when no service manager asked to be told. */
  sdNotify(state: string): boolean
  peerCredentials(fd: number): { pid: number; uid: number; gid: number }
  /** Interfaces of the network namespace that this process is in; flags as in <net/if.h>. */
  interfaces(): { name: string; index: number; flags: number }[]
}
