/* SPDX-License-Identifier: Apache-2.0 */
/* Run by user space: what it knows of a flow of the wire view (its owner, its service) and the programs do not gives the flow to
 * a rule. Writes the two marks in place: replacing the element would lose what packets count meanwhile. */
#ifndef FI_TAP_DECIDE_H
#define FI_TAP_DECIDE_H

#include "rules.h"

/* The flow is one more of this rule's. */
fi_inline void fi_decide_count(__u32 generation, __u32 rule)
{
	__u32 bank = generation & 1;
	void *map = bpf_map_lookup_elem(&fi_rules_hits, &bank);
	struct fi_rule_hits *h = map ? bpf_map_lookup_elem(map, &rule) : 0;

	if (h)
		h->flows++;
}

/* 1 = done; 0 = there is no such flow, or another set is in force by now. */
SEC("syscall")
int fi_rule_flow(struct fi_decision *d)
{
	struct fi_tuple t;
	struct fi_flow *f;
	__u32 generation = FI_RULES_GENERATION(bpf_ktime_get_ns()), rule = d->rule, how = d->how, before;
	__u16 mark;

	__builtin_memcpy(&t, &d->tuple, sizeof(t));
	if (!generation || d->generation != generation || rule >= FI_RULES_MAX)
		return 0;
	f = bpf_map_lookup_elem(&fi_flows, &t);
	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &t);
	if (!f || f->state == FI_S_ENDED)
		return 0;
	mark = how == FI_DECIDE_DROP ? rule << FI_RULED_RULE : (rule + 1) << FI_RULED_RULE | FI_RULED_FREE;
	before = f->side[0].ruled == (__u16)generation ? f->side[1].ruled : FI_RULED_FREE;
	if (before == mark)
		return 1;
	fi_decide_count(generation, rule);
	/* No more than the bits of free ends: no rule has it. */
	if (how != FI_DECIDE_AUDIT || (before & FI_RULED_FREE && !(before >> FI_RULED_RULE))) {
		f->side[1].ruled = mark;
		f->side[0].ruled = (__u16)generation;
	}
	return 1;
}

#endif
