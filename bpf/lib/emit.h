/* SPDX-License-Identifier: Apache-2.0 */
/* What user space is told, and the aggregates. */
#ifndef FI_EMIT_H
#define FI_EMIT_H

#include "maps.h"

fi_inline long fi_bytes(void *ctx, int xdp, __u32 off, void *dst, __u32 n)
{
	return xdp ? bpf_xdp_load_bytes(ctx, off, dst, n) : bpf_skb_load_bytes(ctx, off, dst, n);
}

fi_inline void fi_record_fill(struct fi_record *r, __u16 type, __u32 size, const struct fi_tuple *t, const struct fi_flow *f, const struct fi_owner *o)
{
	r->head.type = type;
	r->head.pad = 0;
	r->head.size = size;
	r->head.now_ns = bpf_ktime_get_ns();
	r->tuple = *t;
	r->role = t->view != FI_VIEW_SOCKET ? FI_ROLE_NONE : f->flags & FI_F_FLIP ? FI_ROLE_SERVER : FI_ROLE_CLIENT;
	__builtin_memset(r->pad, 0, sizeof(r->pad));
	r->flow = *f;
	if (o)
		r->owner = *o;
	else
		__builtin_memset(&r->owner, 0, sizeof(r->owner));
}

FI_SUB void fi_emit(__u16 type, const struct fi_tuple *t, const struct fi_flow *f, const struct fi_owner *o)
{
	struct fi_record *r = bpf_ringbuf_reserve(&fi_ring, sizeof(*r), 0);

	if (!r) {
		FI_COUNT(FI_C_RING_FULL);
		return;
	}
	fi_record_fill(r, type, sizeof(*r), t, f, o);
	bpf_ringbuf_submit(r, 0);
}

/* Slot of an aggregate, made when missing; 0 when there is no room. */
fi_inline __u32 fi_agg_slot(const struct fi_agg_key *key)
{
	__u32 zero = 0, slot = 0;
	__u32 *have = bpf_map_lookup_elem(&fi_agg_keys, key);

	if (have)
		return *have;
	__u32 *next = bpf_map_lookup_elem(&fi_agg_next, &zero);

	if (next && *next < FI_SLOTS_MAX) /* asked first, so that it cannot run on and wrap */
		slot = __sync_fetch_and_add(next, 1) + 1;
	if (!slot || !bpf_map_lookup_elem(&fi_agg, &slot)) {
		FI_COUNT(FI_C_AGG_FULL);
		return 0;
	}
	if (bpf_map_update_elem(&fi_agg_keys, key, &slot, BPF_NOEXIST)) {
		have = bpf_map_lookup_elem(&fi_agg_keys, key); /* another CPU was first: its slot counts */
		return have ? *have : 0;
	}
	return slot;
}

/* Counts one packet (or a train of segments) of a flow, in the flow and in its aggregate. */
fi_inline void fi_flow_count(struct fi_flow *f, int end, int rx, __u32 packets, __u64 bytes)
{
	struct fi_side *s = &f->side[end & 1];
	__u32 slot = f->agg;
	struct fi_agg *a = bpf_map_lookup_elem(&fi_agg, &slot);

	__sync_fetch_and_add(&s->packets, packets);
	__sync_fetch_and_add(&s->bytes, bytes);
	if (!a)
		return;
	if (rx) {
		__sync_fetch_and_add(&a->rx_packets, packets);
		__sync_fetch_and_add(&a->rx_bytes, bytes);
	} else {
		__sync_fetch_and_add(&a->tx_packets, packets);
		__sync_fetch_and_add(&a->tx_bytes, bytes);
	}
}

/* Moves a flow's counts from slot 0 to the aggregate of its owner and protocol, once. Slot 0 then holds exactly the
 * flows that are still open to question. */
FI_SUB void fi_aggregate(struct fi_flow *f, const struct fi_tuple *t, const struct fi_owner *o)
{
	const struct fi_verdict *v = &f->verdict;
	struct fi_agg_key key = {};
	__u32 zero = 0, slot;
	struct fi_agg *from, *to;

	if (f->flags & FI_F_AGGREGATED)
		return;
	f->flags |= FI_F_AGGREGATED;
	if (o) {
		key.cgroup = o->cgroup;
		key.exe_ino = o->exe_ino;
		key.exe_dev = o->exe_dev;
		key.uid = o->uid;
	}
	key.ifindex = t->view == FI_VIEW_WIRE ? f->ifindex : 0;
	key.protocol = v->depth ? fi_layer(v, v->named + 1) : 0;
	key.l4 = t->l4;
	key.role = t->view != FI_VIEW_SOCKET ? FI_ROLE_NONE : f->flags & FI_F_FLIP ? FI_ROLE_SERVER : FI_ROLE_CLIENT;
	key.view = t->view;
	slot = fi_agg_slot(&key);
	from = bpf_map_lookup_elem(&fi_agg, &zero);
	to = bpf_map_lookup_elem(&fi_agg, &slot);
	if (!slot || !from || !to)
		return;
	f->agg = slot;
	__sync_fetch_and_add(&to->opened, 1);
	for (int end = 0; end < 2; end++) {
		const struct fi_side *s = &f->side[end];
		int rx = t->view == FI_VIEW_SOCKET ? end : s->ingress;
		__u64 packets = s->packets, bytes = s->bytes;

		__sync_fetch_and_add(rx ? &from->rx_packets : &from->tx_packets, -packets);
		__sync_fetch_and_add(rx ? &from->rx_bytes : &from->tx_bytes, -bytes);
		__sync_fetch_and_add(rx ? &to->rx_packets : &to->tx_packets, packets);
		__sync_fetch_and_add(rx ? &to->rx_bytes : &to->tx_bytes, bytes);
	}
	if (!v->depth)
		FI_COUNT(FI_C_UNKNOWN);
}

/* The flow is over. */
FI_SUB void fi_flow_end(struct fi_flow *f, const struct fi_tuple *t, const struct fi_owner *o)
{
	struct fi_agg *a;
	__u32 slot;

	fi_aggregate(f, t, o);
	slot = f->agg;
	a = bpf_map_lookup_elem(&fi_agg, &slot);
	if (a && slot)
		__sync_fetch_and_add(&a->closed, 1);
	FI_COUNT(FI_C_FLOW_END);
	f->flags |= FI_F_CLOSED;
	f->state = FI_S_ENDED;
	fi_emit(FI_R_END, t, f, o);
}

/* The answer is another one than before. */
fi_inline int fi_told(const struct fi_verdict *v, const struct fi_verdict *before)
{
	return v->depth != before->depth || v->confidence != before->confidence || v->revisions != before->revisions;
}

/* After a payload packet: aggregate once the answer is given (or given up), tell when it changed. */
FI_SUB void fi_settle(struct fi_flow *f, const struct fi_scratch *x, const struct fi_owner *o, __u8 state)
{
	const struct fi_verdict *v = &f->verdict, *before = &x->before;
	const struct fi_tuple *t = &x->tuple;

	if (!(f->flags & FI_F_AGGREGATED) &&
	    (f->state != FI_S_PENDING ||
	     (v->depth && f->side[0].payload_packets + f->side[1].payload_packets >= FI_TRIES)))
		fi_aggregate(f, t, o);
	if (fi_told(v, before) || (state == FI_S_PENDING && f->state == FI_S_DONE))
		fi_emit(FI_R_VERDICT, t, f, o);
}

/* The packet's first payload bytes, for labels. Two sizes, since a reservation's size must be a constant. */
#define FI_SAMPLE_SMALL 256
#define FI_SAMPLE_HEAD __builtin_offsetof(struct fi_sample, data)
#define FI_SAMPLE_XDP 2 /* ctx is an xdp_md */
FI_SUB void fi_emit_sample(void *ctx, int flags, const struct fi_scratch *x, const struct fi_flow *f, const struct fi_owner *o)
{
	const struct fi_pkt *p = &x->pkt;
	int end = flags & 1, xdp = flags & FI_SAMPLE_XDP;
	__u32 n = p->payload_off < p->cap_len ? p->cap_len - p->payload_off : 0;
	struct fi_sample *s;

	if (n > p->payload_len)
		n = p->payload_len;
	if (n == 0)
		return;
	if (n > FI_SAMPLE)
		n = FI_SAMPLE;
	if (n <= FI_SAMPLE_SMALL)
		s = bpf_ringbuf_reserve(&fi_ring, FI_SAMPLE_HEAD + FI_SAMPLE_SMALL, 0);
	else
		s = bpf_ringbuf_reserve(&fi_ring, FI_SAMPLE_HEAD + FI_SAMPLE, 0);
	if (!s) {
		FI_COUNT(FI_C_RING_FULL);
		return;
	}
	fi_record_fill(&s->record, FI_R_SAMPLE, FI_SAMPLE_HEAD + n, &x->tuple, f, o);
	s->at = x->tuple.l4 == FI_TCP ? fi_payload_seq(p) - f->side[end].base : 0;
	s->len = n;
	s->end = end;
	s->whole = x->tuple.l4 == FI_UDP;
	long err;

	if (n <= FI_SAMPLE_SMALL) {
		err = fi_bytes(ctx, xdp, p->payload_off, s->data, ((n - 1) & (FI_SAMPLE_SMALL - 1)) + 1);
	} else {
		/* kernels before 6.3 forget the bound of a 32-bit value that was on the stack meanwhile */
		__u64 size = n;

		FI_OPAQUE(size);
		if (size > FI_SAMPLE)
			size = FI_SAMPLE;
		err = fi_bytes(ctx, xdp, p->payload_off, s->data, size);
	}
	if (err)
		bpf_ringbuf_discard(s, 0);
	else
		bpf_ringbuf_submit(s, 0);
}

#endif
