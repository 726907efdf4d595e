/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that a rule dropped by their headers alone are remembered, so that the next ones of the same addresses, ports, interface
 * and direction are dropped without asking again. A hash leads to FI_DROPPED_WAYS places. What such
 * a rule drops it drops whatever becomes known of the flow. */
#ifndef FI_TAP_DROPS_H
#define FI_TAP_DROPS_H

#include "rules.h"

/* Per-CPU cells that only programs of the wire view add to. */
fi_inline void fi_add(__u64 *cell, __u64 n)
{
	*(volatile __u64 *)cell += n;
}

/* The tuple's own bytes as words; a tuple on the stack or in a map is aligned to 8. */
fi_inline struct fi_dropped *fi_dropped_set(const struct fi_tuple *t, __u32 bank)
{
	const __u64 *w = (const __u64 *)t;
	void *map = bpf_map_lookup_elem(&fi_rules_dropped, &bank);
	__u64 hash = w[0] * 0x9e3779b97f4a7c15ull + w[1] * 0xc2b2ae3d27d4eb4full + w[2] * 0x165667b19e3779f9ull + w[3] * 0xd6e8feb86659fd93ull +
		       w[4] * 0xa0761d6478bd642full;
	__u32 page;
	struct fi_dropped_page *p;

	/* An address's last bytes are a word's highest, which a product has in its highest bits only. */
	hash ^= hash >> 32;
	hash *= 0x9e3779b97f4a7c15ull;
	page = hash >> 32 & (FI_DROPPED_PAGES - 1);
	p = map ? bpf_map_lookup_elem(map, &page) : 0;

	return p ? &p->each[hash >> 48 & (FI_DROPPED_PAGE - FI_DROPPED_WAYS)] : 0;
}

fi_inline int fi_dropped_is(const struct fi_dropped *d, const struct fi_tuple *t, __u32 generation)
{
	const __u64 *a = (const __u64 *)t, *b = (const __u64 *)d;

	return d->generation == (__u16)generation &&
	       !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) | (*(const __u32 *)&a[5] ^ *(const __u32 *)&b[5]));
}

/* Counts a packet to a rule on the short way. 0 = it is time to tell user space: take the long one. */
fi_inline int fi_rules_hit_again(__u32 generation, __u32 rule, __u32 segments, __u32 bytes)
{
	__u32 bank = generation & 1, cause = FI_C_RULE_DROP;
	void *map = bpf_map_lookup_elem(&fi_rules_hits, &bank);
	struct fi_rule_hits *h = map ? bpf_map_lookup_elem(map, &rule) : 0;
	__u64 now = fi_now(), *drops;

	if (!h || now - h->told_ns >= FI_RULES_TELL_NS)
		return 0;
	fi_add(&h->packets, segments);
	fi_add(&h->bytes, bytes);
	fi_add(&h->dropped, segments);
	h->last_ns = now;
	drops = bpf_map_lookup_elem(&fi_counters, &cause);
	if (drops)
		fi_add(drops, segments);
	return 1;
}

/* 1 = dropped as the one before it. */
fi_inline int fi_dropped_again(const struct fi_tuple *t, __u32 generation, __u32 segments, __u32 bytes)
{
	const struct fi_dropped *d = fi_dropped_set(t, generation & 1);

	if (!d)
		return 0;
#pragma unroll
	for (int i = 0; i < FI_DROPPED_WAYS; i++)
		if (fi_dropped_is(&d[i], t, generation))
			return fi_rules_hit_again(generation, d[i].rule, segments, bytes);
	return 0;
}

/* The packet in x was dropped: the next ones like it may be at once, if nothing but what the table knows of them was asked.
 * TCP flags are not known there, nor is a tag. */
FI_SUB void fi_dropped_note(struct fi_scratch *x, int ingress)
{
	const struct fi_rules_work *w = &x->rules;
	struct fi_tuple t __attribute__((aligned(8))) = x->tuple;
	struct fi_dropped *d;
	__u32 way;

	if (w->v.rule >= w->head.firm || x->pkt.tunnels || x->pkt.vlan || x->vlan || x->pkt.part != FI_PART_WHOLE ||
	    (t.l4 == FI_TCP && w->head.used >> FI_RF_FLAGS & 1) || fi_rules_vary(w, t.l4) || x->pkt.carried || fi_rules_has(w, w->head.fleeting, w->v.rule) || fi_rules_answers(x))
		return;
	t.pad = (x->end & 1 ? FI_DROPPED_END : 0) | (ingress ? FI_DROPPED_INGRESS : 0);
	d = fi_dropped_set(&t, w->bank);
	if (!d)
		return;
	way = bpf_get_prandom_u32() & (FI_DROPPED_WAYS - 1); /* if none is free */
#pragma unroll
	for (int i = 0; i < FI_DROPPED_WAYS; i++) {
		if (fi_dropped_is(&d[i], &t, x->ruled)) {
			x->opens = 0; /* a connection that tries again */
			return;
		}
		if (d[i].generation != x->ruled)
			way = i;
	}
	d += way;
	d->tuple = t;
	d->generation = x->ruled;
	d->rule = w->v.rule;
	x->opens = 1;
}

#endif
