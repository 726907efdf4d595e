/* SPDX-License-Identifier: Apache-2.0 */
/* Wire view: what crosses an interface. XDP (or tc) on the way in, TCX/tc on the way out, a socket filter where neither
 * may be attached. Flows live in two tables: fi_new (LRU) until they are decided, then fi_flows, so that a flood of new
 * ones cannot push a decided one out. */
#ifndef FI_TAP_WIRE_H
#define FI_TAP_WIRE_H

#include "answer.h"
#include "fast.h"

struct fi_wire_ctx {
	void *ctx;
	int xdp;
};

fi_inline struct fi_pending *fi_wire_keep(const struct fi_tuple *t, int create)
{
	struct fi_pending *pend = bpf_map_lookup_elem(&fi_pending, t);
	__u32 zero = 0;

	if (pend || !create)
		return pend;
	pend = bpf_map_lookup_elem(&fi_zero_pending, &zero);
	if (!pend)
		return 0;
	bpf_map_update_elem(&fi_pending, t, pend, BPF_NOEXIST);
	return bpf_map_lookup_elem(&fi_pending, t);
}

#undef FI_LOAD
#undef FI_KEEP
#undef FI_KEPT
#undef FI_FORGET
#define FI_LOAD(c, off, dst, n) fi_bytes((c)->ctx, (c)->xdp, off, dst, (((n) - 1) & (FI_WINDOW - 1)) + 1)
#define FI_KEEP(c, t) fi_wire_keep(t, 1)
#define FI_KEPT(c, t) fi_wire_keep(t, 0)
#define FI_FORGET(c, t) bpf_map_delete_elem(&fi_pending, t)
#define fi_payload fi_payload_wire
#define FI_PAYLOAD_CTX struct fi_wire_ctx
#include "../lib/payload.h"
#undef fi_payload
#undef FI_PAYLOAD_CTX

#define FI_WIRE_XDP 1
#define FI_WIRE_INGRESS 2
#define FI_WIRE_PASSIVE 4 /* a copy of the packet: nothing can be dropped */

/* Headers; what the packet's flow is called. x->pkt.wire_len, x->segments and x->vlan are set by the caller. 0 when it
 * belongs to none. */
FI_SUB int fi_wire_read(void *ctx, int mode, struct fi_scratch *x, __u32 ifindex)
{
	int err = fi_read_headers(ctx, mode & FI_WIRE_XDP, &x->pkt, x->pkt.wire_len, FI_NEXT_ETH, fi_cfg_wire_view, 1);

	x->ruled = 0;
	if (!(mode & FI_WIRE_PASSIVE))
		fi_rules_begin(x, mode & FI_WIRE_INGRESS, ifindex);
	if (!err && x->vlan && !x->pkt.vlan) { /* the card took the tag off */
		x->pkt.vlan = x->vlan & 0xfff;
		fi_zone(&x->pkt, x->pkt.vlan);
	}
	if (!err && x->pkt.part != FI_PART_WHOLE)
		err = fi_fragment(&x->pkt);
	if (err) {
		fi_count_n(-err, x->segments);
		x->rules.v.drop = x->ruled && fi_rules_hidden(x, err);
		return 0;
	}
	if (x->pkt.tunnels)
		FI_COUNT(FI_C_TUNNELLED);
	x->tuple = x->pkt.tuple;
	x->tuple.zone = (x->tuple.zone + ifindex) * FI_ZONE_MIX;
	x->end = fi_normalise(&x->tuple);
	return 1;
}

/* The flow is made when it is missing, and counts the packet: the flow whose payload is to be looked at, or NULL. */
FI_SUB struct fi_flow *fi_wire_flow(struct fi_scratch *x, struct fi_flow *f, int ingress, __u32 ifindex)
{
	struct fi_tuple *t = &x->tuple;
	__u64 now = bpf_ktime_get_coarse_ns();
	int end = x->end;

	if (f && fi_reused(f, end, &x->pkt)) {
		if (f->state != FI_S_ENDED)
			fi_flow_end(f, t, 0);
		fi_flow_begin(f, end, fi_new_id(), now, &x->pkt, ifindex);
		bpf_map_delete_elem(&fi_pending, t);
	}
	if (!f) {
		fi_flow_begin(&x->fresh, end, fi_new_id(), now, &x->pkt, ifindex);
		f = fi_flow_enter(x);
		if (!f) {
			fi_count_n(FI_C_TABLE_FULL, x->segments);
			return 0;
		}
	}
	f->last_ns = now;
	f->side[end & 1].ingress = ingress;
	fi_flow_count(f, end, ingress, x->segments, x->pkt.l3_len);
	if (t->l4 == FI_TCP)
		fi_flow_tcp(f, end, x->pkt.tcp_flags, x->pkt.seq);
	if (x->pkt.part != FI_PART_WHOLE)
		f->flags |= FI_F_FRAGMENT;
	if (x->ruled)
		fi_rules_free(x, f, end);
	return f->state >= FI_S_DONE || !x->pkt.payload_len || x->pkt.part == FI_PART_LATER ? 0 : f;
}

#define FI_WIRE_DROP 1 /* a rule drops the packet */
#define FI_WIRE_ANSWER 2 /* it does, and the packet is its answer now */

/* FI_WIRE_DROP, FI_WIRE_ANSWER, or 0 = it goes on. */
fi_inline int fi_wire_slow(void *ctx, int mode, __u32 len, __u32 segments, __u32 ifindex, __u32 vlan)
{
	struct fi_wire_ctx c = { .ctx = ctx, .xdp = mode & FI_WIRE_XDP };
	int ingress = mode & FI_WIRE_INGRESS ? 1 : 0, drop;
	struct fi_scratch *x;
	struct fi_flow *f = 0;

	x = fi_scratch_take();
	if (!x) {
		fi_count_n(FI_C_BUSY, segments);
		return 0;
	}
	x->pkt.wire_len = len;
	x->segments = segments;
	x->vlan = vlan;
	if (fi_wire_read(ctx, mode, x, ifindex)) {
		x->decided = 1;
		f = bpf_map_lookup_elem(&fi_flows, &x->tuple);
		if (!f) {
			f = bpf_map_lookup_elem(&fi_new, &x->tuple);
			x->decided = 0;
		}
		if (mode & FI_WIRE_XDP && x->ruled && x->pkt.tcp_flags & FI_TH_RST && fi_answer_own(&x->tuple))
			x->ruled = 0;
		if (x->ruled && fi_rules_packet(x, f, ingress)) {
			fi_count_n(FI_C_RULE_DROP, segments);
			fi_dropped_note(x, ingress);
			f = 0;
		} else {
			f = fi_wire_flow(x, f, ingress, ifindex);
		}
	}
	if (f) {
		int end = x->end;
		__u8 state = f->state;

		x->before = f->verdict;
		/* rules must not be got around by keeping the CPU busy */
		if (!x->ruled && fi_budget_spent(f, &x->tuple)) {
			bpf_map_delete_elem(&fi_pending, &x->tuple);
			fi_aggregate(f, &x->tuple, 0);
		} else {
			fi_payload_wire(&c, f, end, x);
			if (fi_cfg_samples && fi_sampled(f, end))
				fi_emit_sample(ctx, (end & 1) | (mode & FI_WIRE_XDP ? FI_SAMPLE_XDP : 0), x, f, 0);
			fi_settle(f, x, 0, state);
		}
		if (x->ruled && (f->state != state || fi_told(&f->verdict, &x->before)))
			fi_rules_again(x, f);
		if (!x->decided && f->verdict.depth && bpf_map_update_elem(&fi_flows, &x->tuple, f, BPF_NOEXIST) == 0 &&
		    bpf_map_delete_elem(&fi_new, &x->tuple))
			FI_COUNT(FI_C_TABLE_IN); /* evicted while its packet was looked at: it is back */
	}
	drop = x->ruled && fi_rules_account(x);
	if (!(mode & FI_WIRE_PASSIVE) && drop && fi_rules_answers(x) && fi_answer_send(ctx, mode & FI_WIRE_XDP, x))
		drop = FI_WIRE_ANSWER;
	if (!mode && drop == FI_WIRE_ANSWER)
		fi_answer_note(x);
	fi_scratch_give(x);
	return drop;
}

/* Run over fi_flows and over fi_new from time to time: ends what has been silent for long. */
SEC("iter/bpf_map_elem")
int fi_expire(struct bpf_iter__bpf_map_elem *ctx)
{
	const struct fi_tuple *key = ctx->key;
	const struct fi_flow *seen = ctx->value;
	struct fi_tuple t;
	struct fi_flow *f;

	if (!key || !seen)
		return 0;
	__u64 now = bpf_ktime_get_ns(), last = seen->last_ns;
	__u64 idle = seen->flags & FI_F_CLOSED ? fi_cfg_idle_closed : key->l4 == FI_TCP ? fi_cfg_idle_tcp : key->l4 == FI_UDP ? fi_cfg_idle_udp : fi_cfg_idle_other;

	if (last + idle * 1000000000ull > now)
		return 0;
	__builtin_memcpy(&t, key, sizeof(t));
	f = bpf_map_lookup_elem(&fi_flows, &t);
	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &t);
	if (!f || f->last_ns != last) /* used again meanwhile */
		return 0;
	if (f->state != FI_S_ENDED)
		fi_flow_end(f, &t, 0);
	if (bpf_map_delete_elem(&fi_flows, &t) == 0)
		FI_COUNT(FI_C_TABLE_OUT);
	if (bpf_map_delete_elem(&fi_new, &t) == 0)
		FI_COUNT(FI_C_TABLE_OUT);
	bpf_map_delete_elem(&fi_pending, &t);
	return 0;
}

fi_inline void fi_wire_seen(int ingress, __u32 segments)
{
	__u32 total = ingress ? FI_C_WIRE_RX : FI_C_WIRE_TX;
	__u64 *n = bpf_map_lookup_elem(&fi_counters, &total);

	if (n)
		fi_add(n, segments);
}

SEC("xdp.frags")
int fi_xdp(struct xdp_md *ctx)
{
	const __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	int way, done = 0;

	fi_wire_seen(1, 1);
	way = fi_wire_fast(data, end, 1, 1, ctx->ingress_ifindex);
	if (way == FI_FAST_DROP)
		return XDP_DROP;
	if (way == FI_FAST_LONG)
		done = fi_wire_slow(ctx, FI_WIRE_XDP | FI_WIRE_INGRESS, bpf_xdp_get_buff_len(ctx), 1, ctx->ingress_ifindex, 0);
	return done == FI_WIRE_ANSWER ? XDP_TX : done ? XDP_DROP : XDP_PASS;
}

#define FI_TC_NEXT -1 /* TC_ACT_UNSPEC: go on with the next program */
#define FI_TC_DROP 2 /* TC_ACT_SHOT */

fi_inline int fi_wire_tc(struct __sk_buff *skb, int ingress)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 segments = skb->gso_segs ?: 1, vlan = skb->vlan_present ? skb->vlan_tci : 0;

	int way = FI_FAST_LONG, done = 0;

	if (skb->mark == FI_ANSWER_MARK)
		return FI_TC_NEXT;
	fi_wire_seen(ingress, segments);
	if (!vlan)
		way = fi_wire_fast(data, end, ingress, segments, skb->ifindex);
	if (way == FI_FAST_DROP)
		return FI_TC_DROP;
	if (way == FI_FAST_LONG)
		done = fi_wire_slow(skb, ingress ? FI_WIRE_INGRESS : 0, skb->len, segments, skb->ifindex, vlan);
	if (done == FI_WIRE_ANSWER) {
		skb->mark = FI_ANSWER_MARK;
		return bpf_redirect(skb->ifindex, ingress ? 0 : BPF_F_INGRESS); /* back to where it came from */
	}
	return done ? FI_TC_DROP : FI_TC_NEXT;
}

SEC("tc")
int fi_tc_ingress(struct __sk_buff *skb)
{
	return fi_wire_tc(skb, 1);
}

SEC("tc")
int fi_tc_egress(struct __sk_buff *skb)
{
	return fi_wire_tc(skb, 0);
}

SEC("socket")
int fi_filter(struct __sk_buff *skb)
{
	fi_wire_seen(1, 1);
	fi_wire_slow(skb, FI_WIRE_INGRESS | FI_WIRE_PASSIVE, skb->len, 1, skb->ifindex, skb->vlan_present ? skb->vlan_tci : 0);
	return 0; /* nothing is delivered to the socket */
}

#endif
