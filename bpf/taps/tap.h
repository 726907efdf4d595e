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
		return -FI_C_LOAD_FAILED;
	p->hdr_len = n;
	for (int i = 0; i < FI_STEPS; i++) {
		if (p->next == FI_NEXT_DONE)
			return fi_parse_settle(p, 0);
		err = fi_parse_step(p);
		if (err == -FI_C_TRUNCATED && p->hdr_len == FI_HDR_FIRST && len > FI_HDR_FIRST) {
			n = len < FI_HDR ? len : FI_HDR;
			if (fi_bytes(ctx, xdp, 0, p->hdr, ((n - 1) & (FI_HDR - 1)) + 1))
				return -FI_C_LOAD_FAILED;
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

#endif
