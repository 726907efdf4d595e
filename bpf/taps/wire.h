/* SPDX-License-Identifier: Apache-2.0 */
/* Wire view: what crosses an interface. XDP (or tc) on the way in, TCX/tc on the way out, a socket filter where neither
 * may be attached. Flows live in two tables: fi_new (LRU) until they are decided, then fi_flows, so that a flood of new
 * ones cannot push a decided one out. */
#ifndef FI_TAP_WIRE_H
#define FI_TAP_WIRE_H

#include "tap.h"

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

fi_inline void fi_wire(void *ctx, int xdp, int ingress, __u32 len, __u32 segments, __u32 ifindex, __u32 vlan)
{
	struct fi_wire_ctx c = { .ctx = ctx, .xdp = xdp };
	struct fi_scratch *x;
	struct fi_tuple *t;
	struct fi_flow *f;
	int err, end, decided = 1;

	fi_count_n(ingress ? FI_C_WIRE_RX : FI_C_WIRE_TX, segments);
	x = fi_scratch_take();
	if (!x)
		return;
	err = fi_read_headers(ctx, xdp, &x->pkt, len, FI_NEXT_ETH, fi_cfg_wire_view, 1);
	if (!err && vlan && !x->pkt.vlan) { /* the card took the tag off */
		x->pkt.vlan = vlan & 0xfff;
		fi_zone(&x->pkt, x->pkt.vlan);
	}
	if (!err && x->pkt.part != FI_PART_WHOLE)
		err = fi_fragment(&x->pkt);
	if (err) {
		fi_count_n(-err, segments);
		goto out;
	}
	if (x->pkt.tunnels)
		FI_COUNT(FI_C_TUNNELLED);
	t = &x->tuple;
	*t = x->pkt.tuple;
	t->zone = (t->zone + ifindex) * 0x9e3779b1u;
	end = fi_normalise(t);
	__u64 now = bpf_ktime_get_coarse_ns();

	f = bpf_map_lookup_elem(&fi_flows, t);
	if (!f) {
		f = bpf_map_lookup_elem(&fi_new, t);
		decided = 0;
	}
	if (f && fi_reused(f, end, &x->pkt)) {
		if (f->state != FI_S_ENDED)
			fi_flow_end(f, t, 0);
		fi_flow_begin(f, end, fi_new_id(), now, &x->pkt, ifindex);
		bpf_map_delete_elem(&fi_pending, t);
	}
	if (!f) {
		fi_flow_begin(&x->fresh, end, fi_new_id(), now, &x->pkt, ifindex);
		bpf_map_update_elem(&fi_new, t, &x->fresh, BPF_NOEXIST);
		f = bpf_map_lookup_elem(&fi_new, t);
		if (!f) {
			fi_count_n(FI_C_TABLE_FULL, segments);
			goto out;
		}
	}
	f->last_ns = now;
	f->side[end & 1].ingress = ingress;
	fi_flow_count(f, end, ingress, segments, x->pkt.l3_len);
	if (t->l4 == FI_TCP)
		fi_flow_tcp(f, end, x->pkt.tcp_flags, x->pkt.seq);
	if (x->pkt.part != FI_PART_WHOLE)
		f->flags |= FI_F_FRAGMENT;
	if (f->state >= FI_S_DONE || !x->pkt.payload_len || x->pkt.part == FI_PART_LATER)
		goto out;
	__u8 state = f->state;

	x->before = f->verdict;

	fi_payload_wire(&c, f, end, x);
	if (fi_cfg_samples && fi_sampled(f, end))
		fi_emit_sample(ctx, end | (xdp ? FI_SAMPLE_XDP : 0), x, f, 0);
	fi_settle(f, x, 0, state);
	if (!decided && f->verdict.depth && bpf_map_update_elem(&fi_flows, t, f, BPF_NOEXIST) == 0)
		bpf_map_delete_elem(&fi_new, t);
out:
	fi_scratch_give(x);
}

SEC("xdp.frags")
int fi_xdp(struct xdp_md *ctx)
{
	fi_wire(ctx, 1, 1, bpf_xdp_get_buff_len(ctx), 1, ctx->ingress_ifindex, 0);
	return XDP_PASS;
}

SEC("tc")
int fi_tc_ingress(struct __sk_buff *skb)
{
	fi_wire(skb, 0, 1, skb->len, skb->gso_segs ?: 1, skb->ifindex, skb->vlan_present ? skb->vlan_tci : 0);
	return -1; /* TC_ACT_UNSPEC: go on with the next program */
}

SEC("tc")
int fi_tc_egress(struct __sk_buff *skb)
{
	fi_wire(skb, 0, 0, skb->len, skb->gso_segs ?: 1, skb->ifindex, skb->vlan_present ? skb->vlan_tci : 0);
	return -1;
}

SEC("socket")
int fi_filter(struct __sk_buff *skb)
{
	fi_wire(skb, 0, 1, skb->len, 1, skb->ifindex, skb->vlan_present ? skb->vlan_tci : 0);
	return 0; /* nothing is delivered to the socket */
}

#endif
