/* SPDX-License-Identifier: Apache-2.0 */
/* Run by user space: what it knows of a flow of the wire view (its owner, its service) and the programs do not makes it
 * dropped for its life, as a rule that asks for protocols would. Writes the two marks in place: replacing the element
 * would lose what packets count meanwhile. */
#ifndef FI_TAP_DECIDE_H
#define FI_TAP_DECIDE_H

#include "rules.h"

/* 1 = done; 0 = there is no such flow, or another set is in force by now. */
SEC("syscall")
int fi_rule_flow(struct fi_decision *d)
{
	struct fi_tuple t;
	struct fi_flow *f;
	__u32 generation = FI_RULES_GENERATION(bpf_ktime_get_ns());

	__builtin_memcpy(&t, &d->tuple, sizeof(t));
	if (!generation || d->generation != generation || d->rule >= FI_RULES_MAX)
		return 0;
	f = bpf_map_lookup_elem(&fi_flows, &t);
	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &t);
	if (!f || f->state == FI_S_ENDED)
		return 0;
	f->side[1].ruled = d->rule << 2;
	f->side[0].ruled = (__u16)generation;
	return 1;
}

#endif
