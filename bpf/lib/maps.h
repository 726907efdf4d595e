/* SPDX-License-Identifier: Apache-2.0 */
/* Every map: who writes, who reads, why this size, what happens when it is full. Sizes marked * are set by the
 * loader from the configuration. */
#ifndef FI_MAPS_H
#define FI_MAPS_H

#include "kernel.h"
#include "look.h"

/* Tunables, set before load. */
const volatile __u32 fi_cfg_samples = 1; /* send payload samples for labels */
const volatile __u32 fi_cfg_wire_view = FI_VIEW_WIRE;
/* Seconds without a packet after which a flow of fi_flows or fi_new is over. */
const volatile __u32 fi_cfg_idle_tcp = 3600;
const volatile __u32 fi_cfg_idle_udp = 120;
const volatile __u32 fi_cfg_idle_other = 60;
const volatile __u32 fi_cfg_idle_closed = 10;

/* A socket's flow. TCP and connected UDP have one; an unconnected UDP socket keeps its first peer here, the
 * others in fi_new/fi_flows. The flow comes first: what a packet touches then shares the element's first cache line. */
struct fi_socket {
	struct fi_flow flow;
	struct fi_tuple tuple;
	__u32 setup_us; /* time the connection took to establish; 0 = not known. This and the rest: taps/connection.h */
	__u32 retransmits; /* those that were counted */
	__u8 aborted; /* its RST was counted */
	__u8 more[2]; /* by egress: packets of which taps/requests.h tells the bytes */
	__u8 pad;
};

/* Written by the socket taps, read by iter/bpf_sk_storage_map. Lives and dies with the socket: no eviction. */
FI_MAP(fi_sockets, BPF_MAP_TYPE_SK_STORAGE, 0, int, struct fi_socket, BPF_F_NO_PREALLOC);
/* What user space decided of flows that live in a socket's storage, by flow id: written by fi_rule_flow, taken out by fi_rule_sockets,
 * which is run at once. More than this many at a time push out the oldest, which user space decides again. */
struct fi_ruling {
	__u32 generation;
	__u32 acts; /* rule, from 1; 0 = none */
	__u32 how; /* enum fi_decide of that one */
	__u32 audit; /* rule that only counts, from 1; 0 = none */
};
FI_MAP(fi_rulings, BPF_MAP_TYPE_LRU_HASH, 4096, __u64, struct fi_ruling, 0);
/* First bytes of a socket's undecided flow; deleted with the decision. */
FI_MAP(fi_socket_pending, BPF_MAP_TYPE_SK_STORAGE, 0, int, struct fi_pending, BPF_F_NO_PREALLOC);
/* Owner of a socket; accepted sockets inherit the listener's (CLONE) until their own user is seen. */
FI_MAP(fi_owners, BPF_MAP_TYPE_SK_STORAGE, 0, int, struct fi_owner, BPF_F_NO_PREALLOC | BPF_F_CLONE);
/* Decided flows of the wire view and of unconnected UDP sockets*. Full: new verdicts stay in fi_new. */
FI_MAP(fi_flows, BPF_MAP_TYPE_HASH, 131072, struct fi_tuple, struct fi_flow, 0);
/* Flows without a verdict yet*: a flood of them evicts only its own kind. */
FI_MAP(fi_new, BPF_MAP_TYPE_LRU_HASH, 65536, struct fi_tuple, struct fi_flow, 0);
/* First bytes of the undecided flows among them*. Full: the oldest begin anew mid-stream. */
FI_MAP(fi_pending, BPF_MAP_TYPE_LRU_HASH, 4096, struct fi_tuple, struct fi_pending, 0);
/* Ports of datagrams in fragments; the oldest go first, their later fragments are counted as orphans. */
struct fi_frag_key {
	__u8 addr[2][16];
	__u32 id;
	__u32 zone;
	__u8 l4;
	__u8 pad[3];
};
struct fi_frag {
	__be16 port_be[2];
};
FI_MAP(fi_frags, BPF_MAP_TYPE_LRU_HASH, 4096, struct fi_frag_key, struct fi_frag, 0);
/* Aggregates: key → slot, and the counters by slot*. Slot 0 sums flows that are not decided yet. Full: FI_C_AGG_FULL,
 * the flow stays in slot 0. */
FI_MAP(fi_agg_keys, BPF_MAP_TYPE_HASH, 16384, struct fi_agg_key, __u32, 0);
FI_MAP(fi_agg, BPF_MAP_TYPE_PERCPU_ARRAY, 16384, __u32, struct fi_agg, 0);
FI_MAP(fi_agg_next, BPF_MAP_TYPE_ARRAY, 1, __u32, __u32, 0);
#define FI_SLOTS_MAX (1u << 20)
/* Causes and totals, enum fi_counter. */
FI_MAP(fi_counters, BPF_MAP_TYPE_PERCPU_ARRAY, FI_C_MAX, __u32, __u64, 0);
/* enum fi_budget_step, in its one cell. Written by the daemon. */
FI_MAP(fi_budget, BPF_MAP_TYPE_ARRAY, 1, __u32, __u32, 0);
/* Everything that user space is told*. Full: FI_C_RING_FULL. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 22);
} fi_ring SEC(".maps");
/* Working memory: a process-context packet can be interrupted by a softirq one on the same CPU, so each CPU has a
 * few, taken by an atomic exchange of `busy`. */
#define FI_SCRATCHES 4
FI_MAP(fi_scratches, BPF_MAP_TYPE_PERCPU_ARRAY, FI_SCRATCHES, __u32, struct fi_scratch, 0);
/* All zero: what a new fi_pending starts from (it is larger than the BPF stack). */
FI_MAP(fi_zero_pending, BPF_MAP_TYPE_ARRAY, 1, __u32, struct fi_pending, 0);
/* Built here by the dump of socket storage, for the same reason. */
FI_MAP(fi_dump_record, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct fi_record, 0);
/* The coarse clock's last value, see fi_now. */
struct fi_clock {
	__u64 tick;
	__u64 now_ns;
};
FI_MAP(fi_clock, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, struct fi_clock, 0);
/* Per-CPU numbers for flow ids. */
FI_MAP(fi_ids, BPF_MAP_TYPE_PERCPU_ARRAY, 1, __u32, __u64, 0);

fi_inline void fi_count_n(__u32 cause, __u64 n)
{
	__u64 *c = bpf_map_lookup_elem(&fi_counters, &cause);

	if (c)
		__sync_fetch_and_add(c, n);
}
#define FI_COUNT(cause) fi_count_n(cause, 1)

/* The coarse clock moves once a tick: its value is kept until the tick, an inlined load, says another. */
fi_inline __u64 fi_now(void)
{
	__u64 tick = bpf_jiffies64();
	__u32 zero = 0;
	struct fi_clock *c = bpf_map_lookup_elem(&fi_clock, &zero);

	if (!c)
		return bpf_ktime_get_coarse_ns();
	if (c->tick != tick) {
		c->now_ns = bpf_ktime_get_coarse_ns();
		c->tick = tick;
	}
	return c->now_ns;
}

fi_inline struct fi_scratch *fi_scratch_take(void)
{
	for (__u32 i = 0; i < FI_SCRATCHES; i++) {
		__u32 key = i;
		struct fi_scratch *x = bpf_map_lookup_elem(&fi_scratches, &key);

		if (x && __sync_lock_test_and_set(&x->busy, 1) == 0)
			return x;
	}
	return 0;
}

fi_inline void fi_scratch_give(struct fi_scratch *x)
{
	__sync_lock_test_and_set(&x->busy, 0);
}

fi_inline __u64 fi_new_id(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&fi_ids, &zero);

	/* The top bit keeps these apart from socket cookies. */
	return n ? 1ull << 63 | (__u64)bpf_get_smp_processor_id() << 44 | ++*n : 0;
}

#endif
