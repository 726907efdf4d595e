/* SPDX-License-Identifier: Apache-2.0 */
/* Rules with a rate: whether a packet is above it. One word a limit, moved on by compare and swap, so that all CPUs share it. */
#ifndef FI_TAP_LIMIT_H
#define FI_TAP_LIMIT_H

#include "../lib/rules/match.h"
#include "tap.h"

#define FI_LIMIT_TRIES 8

/* 1 = above the rate, and nothing is taken. */
fi_inline int fi_limit_above(__u64 *spent, __u64 cost, __u64 burst, __u64 now)
{
	for (int i = 0; i < FI_LIMIT_TRIES; i++) {
		__u64 old = *(volatile __u64 *)spent, base = old > now ? old : now;

		if (base + cost > now + burst)
			return 1;
		if (__sync_val_compare_and_swap(spent, old, base + cost) == old)
			return 0;
	}
	/* So many CPUs at once: taken all the same, and later packets pay. */
	__sync_fetch_and_add(spent, cost);
	return 0;
}

/* The packet in x is above the rate of a rule that has one. Takes it out of the rule's allowance otherwise. */
FI_SUB int fi_rules_above(struct fi_scratch *x, __u32 rule)
{
	__u32 bank = x->rules.bank;
	__u64 now = bpf_ktime_get_ns() * FI_LIMIT_TICKS, cost, *spent;
	void *map = bpf_map_lookup_elem(&fi_rules_limits, &bank);
	struct fi_rule_limit *l = map ? bpf_map_lookup_elem(map, &rule) : 0;
	struct fi_limit_source key = { .rule = rule };

	if (!l || !l->rate)
		return 0;
	cost = (l->flags & FI_LIMIT_BYTES ? x->pkt.l3_len : x->segments) * FI_LIMIT_SECOND / l->rate;
	spent = &l->spent;
	if (l->flags & FI_LIMIT_SOURCE) {
		map = bpf_map_lookup_elem(&fi_rules_sources, &bank);
		if (!map)
			return 0;
		__builtin_memcpy(key.addr, x->pkt.tuple.addr[0], sizeof(key.addr));
		spent = bpf_map_lookup_elem(map, &key);
		if (!spent) {
			bpf_map_update_elem(map, &key, &now, BPF_NOEXIST);
			spent = bpf_map_lookup_elem(map, &key);
		}
		if (!spent)
			return 0;
	}
	return fi_limit_above(spent, cost, l->burst, now);
}

fi_inline int fi_rules_limits_it(const struct fi_scratch *x, __u32 rule)
{
	return rule != FI_RULE_NONE && fi_rules_has(&x->rules, x->rules.head.limit, rule);
}

/* The rule that decides has a rate: drops what is above it. Once a packet and rule. */
fi_inline void fi_rules_limit(struct fi_scratch *x)
{
	__u32 rule = x->rules.v.rule;

	if (x->rules.v.drop || x->limited == rule || !fi_rules_limits_it(x, rule))
		return;
	x->limited = rule;
	x->rules.v.drop = fi_rules_above(x, rule);
}

#endif
