/* SPDX-License-Identifier: Apache-2.0 */
/* Run by user space: what it knows of a flow (its owner, its service) and the programs do not gives the flow to a rule. Writes the two
 * marks in place: replacing the element would lose what packets count meanwhile. */
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

/* Gives a flow to a rule of the set in force. */
fi_inline void fi_decide_mark(struct fi_flow *f, __u32 generation, __u32 rule, __u32 how)
{
	__u32 ends = how == FI_DECIDE_REJECT ? FI_RULED_REJECT : FI_RULED_FREE;
	__u16 mark = how == FI_DECIDE_DROP ? rule << FI_RULED_RULE : (rule + 1) << FI_RULED_RULE | ends;
	__u32 before = f->side[0].ruled == (__u16)generation ? f->side[1].ruled : FI_RULED_FREE;

	if (before == mark)
		return;
	fi_decide_count(generation, rule);
	/* No more than the bits of free ends: no rule has it. */
	if (how != FI_DECIDE_AUDIT || (before & FI_RULED_FREE && !(before >> FI_RULED_RULE))) {
		f->side[1].ruled = mark;
		f->side[0].ruled = (__u16)generation;
	}
}

/* One rule that acts and one that counts may wait for a flow. 1 = done. */
fi_inline int fi_decide_later(__u64 id, __u32 generation, __u32 rule, __u32 how)
{
	struct fi_ruling now = { .generation = generation };
	const struct fi_ruling *before = bpf_map_lookup_elem(&fi_rulings, &id);

	if (before && before->generation == generation)
		now = *before;
	if (how == FI_DECIDE_AUDIT) {
		now.audit = rule + 1;
	} else {
		now.acts = rule + 1;
		now.how = how;
	}
	return !bpf_map_update_elem(&fi_rulings, &id, &now, BPF_ANY);
}

SEC("syscall")
int fi_rule_flow(struct fi_decision *d)
{
	struct fi_tuple t;
	struct fi_flow *f;
	__u64 id = d->id;
	__u32 generation = FI_RULES_GENERATION(bpf_ktime_get_ns()), rule = d->rule, how = d->how;

	__builtin_memcpy(&t, &d->tuple, sizeof(t));
	if (!generation || d->generation != generation || rule >= FI_RULES_MAX)
		return FI_DECIDED_NOT;
	f = bpf_map_lookup_elem(&fi_flows, &t);
	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &t);
	if (f && f->state != FI_S_ENDED) {
		fi_decide_mark(f, generation, rule, how);
		return FI_DECIDED_NOW;
	}
	return t.view == FI_VIEW_SOCKET && fi_decide_later(id, generation, rule, how) ? FI_DECIDED_LATER : FI_DECIDED_NOT;
}

/* A syscall program cannot reach a socket; an iterator sees them all. */
SEC("iter/bpf_sk_storage_map")
int fi_rule_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct fi_socket *ss = ctx->value;
	const struct fi_ruling *r;
	__u64 id;

	if (!ctx->sk || !ss || !ss->flow.first_ns)
		return 0;
	id = ss->flow.id;
	r = bpf_map_lookup_elem(&fi_rulings, &id);
	if (!r)
		return 0;
	if (r->generation == FI_RULES_GENERATION(bpf_ktime_get_ns()) && ss->flow.state != FI_S_ENDED) {
		if (r->audit)
			fi_decide_mark(&ss->flow, r->generation, r->audit - 1, FI_DECIDE_AUDIT);
		if (r->acts)
			fi_decide_mark(&ss->flow, r->generation, r->acts - 1, r->how);
	}
	bpf_map_delete_elem(&fi_rulings, &id);
	return 0;
}

#endif
