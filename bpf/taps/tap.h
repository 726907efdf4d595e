/* SPDX-License-Identifier: Apache-2.0 */
/* What the socket and wire taps share: loading headers, fragments, one packet of one flow. */
#ifndef FI_TAP_H
#define FI_TAP_H

#include "../lib/emit.h"
#include "../lib/parse.h"
#include "../lib/tuple.h"

/* Loads the first header bytes and follows the headers. 0, or the negative cause. */
fi_inline int fi_read_headers(void *ctx, int xdp, struct fi_pkt *p, __u32 len, __u32 next, __u8 view, __u8 decap)
{
	__u32 n = len < FI_HDR_FIRST ? len : FI_HDR_FIRST;
	int err = -FI_C_TRUNCATED;

	p->cap_len = p->wire_len = len;
	fi_parse_begin(p, next, view, decap);
	if (n == 0 || fi_bytes(ctx, xdp, 0, p->hdr, ((n - 1) & (FI_HDR_FIRST - 1)) + 1))
		return -FI_C_UNREAD;
	p->hdr_len = n;
	for (int i = 0; i < FI_STEPS; i++) {
		if (p->next == FI_NEXT_DONE)
			return fi_parse_settle(p, 0);
		err = fi_parse_step(p);
		if (err == -FI_C_TRUNCATED && p->hdr_len == FI_HDR_FIRST && len > FI_HDR_FIRST) {
			n = len < FI_HDR ? len : FI_HDR;
			if (fi_bytes(ctx, xdp, 0, p->hdr, ((n - 1) & (FI_HDR - 1)) + 1))
				return -FI_C_UNREAD;
			p->hdr_len = n;
			continue;
		}
		if (err)
			return fi_parse_settle(p, err);
	}
	return fi_parse_settle(p, p->next == FI_NEXT_DONE ? 0 : -FI_C_TOO_DEEP);
}

/* Later fragments have no ports: those of the first fragment are remembered. */
FI_SUB int fi_fragment(struct fi_pkt *p)
{
	struct fi_frag_key key = {};
	struct fi_frag frag = {};

	FI_COUNT(FI_C_FRAGMENT);
	__builtin_memcpy(key.addr, p->tuple.addr, sizeof(key.addr));
	key.id = p->frag_id;
	key.zone = p->tuple.zone;
	key.l4 = p->tuple.l4;
	if (p->part == FI_PART_FIRST) {
		frag.port_be[0] = p->tuple.port_be[0];
		frag.port_be[1] = p->tuple.port_be[1];
		bpf_map_update_elem(&fi_frags, &key, &frag, BPF_ANY);
		return 0;
	}
	struct fi_frag *first = bpf_map_lookup_elem(&fi_frags, &key);

	if (!first)
		return -FI_C_FRAGMENT_ORPHAN;
	p->tuple.port_be[0] = first->port_be[0];
	p->tuple.port_be[1] = first->port_be[1];
	return 0;
}

fi_inline void fi_flow_begin(struct fi_flow *f, int end, __u64 id, __u64 now, const struct fi_pkt *p, __u32 ifindex)
{
	__builtin_memset(f, 0, sizeof(*f));
	f->id = id;
	f->first_ns = f->last_ns = now;
	f->ifindex = ifindex;
	f->tunnel = p->tunnel;
	f->vlan = p->vlan;
	fi_set_source(f, end);
	FI_COUNT(FI_C_FLOW_NEW);
}

/* Puts x->fresh into the table of flows without a verdict: the flow that is there then, or NULL when there is no room. */
fi_inline struct fi_flow *fi_flow_enter(struct fi_scratch *x)
{
	struct fi_flow *f;

	if (bpf_map_update_elem(&fi_new, &x->tuple, &x->fresh, BPF_NOEXIST) == 0)
		FI_COUNT(FI_C_TABLE_IN);
	f = bpf_map_lookup_elem(&fi_new, &x->tuple);
	if (!f || f->id != x->fresh.id) /* no room, or another CPU was first */
		fi_count_n(FI_C_FLOW_NEW, -1ull);
	return f;
}

#define FI_BUDGET_PACKETS 4 /* payload packets of both ends that a flow may take from FI_B_FIRST on */
#define FI_BUDGET_SAMPLE 16 /* at FI_B_SAMPLED one in so many flows is looked at; a power of two */

/* The CPU budget leaves no more work for this flow: it is given up as it is, and only counted from now on. */
FI_SUB int fi_budget_spent(struct fi_flow *f, const struct fi_tuple *t)
{
	__u32 zero = 0, packets = f->side[0].payload_packets + f->side[1].payload_packets, hash;
	__u32 *step = bpf_map_lookup_elem(&fi_budget, &zero);

	if (!step || *step == FI_B_FULL)
		return 0;
	/* address and port bytes of both ends, so that both directions and all packets of a flow fall alike */
	hash = (*(const __u32 *)&t->addr[0][12] ^ *(const __u32 *)&t->addr[1][12] ^ (t->port_be[0] << 16 | t->port_be[1])) * FI_ZONE_MIX;
	hash = (hash ^ hash >> 15) * FI_ZONE_MIX; /* a product has an address's last byte in its highest bits only */
	if (f->state != FI_S_WATCH && packets < FI_BUDGET_PACKETS &&
	    (*step == FI_B_FIRST || (*step == FI_B_SAMPLED && !(hash >> 28 & (FI_BUDGET_SAMPLE - 1)))))
		return 0;
	if (!f->verdict.depth)
		FI_COUNT(FI_C_BUDGET);
	f->state = FI_S_DONE;
	f->flags |= FI_F_LABELLED; /* no samples either */
	return 1;
}

#endif
