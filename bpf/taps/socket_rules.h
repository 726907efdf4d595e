/* SPDX-License-Identifier: Apache-2.0 */
/* Flows of local sockets that user space gave to a rule (decide.h). Of the rules only these reach the socket view: nothing is asked
 * of its packets but whether their flow was given away, which lies where the flow is counted. */
#ifndef FI_TAP_SOCKET_RULES_H
#define FI_TAP_SOCKET_RULES_H

#include "rules.h"

/* All packets of the socket belong to one flow. */
#define fi_connected(sk) ((sk)->protocol == FI_TCP || (sk)->dst_port)

/* 1 = a rule drops the packet in x, of flow f, which is counted then. */
FI_SUB int fi_socket_ruled(struct fi_scratch *x, const struct fi_flow *f, int egress)
{
	struct fi_rule_verdict *v = &x->rules.v;
	__u32 taken, mark, refused;

	if (!f || !fi_rules_begin(x, !egress, 0) || f->side[0].ruled != (__u16)x->ruled)
		return 0;
	mark = f->side[1].ruled;
	taken = fi_rules_taken(f, x->ruled);
	refused = fi_rules_refused(mark);
	if (!taken && !refused && mark & FI_RULED_FREE)
		return 0;
	if (!taken) {
		v->rule = refused ? refused - 1 : mark >> FI_RULED_RULE;
		v->drop = 1;
	} else if (fi_rules_has(&x->rules, x->rules.head.kind[FI_RK_FLOW_AUDIT], taken - 1)) {
		v->audit = taken - 1;
	} else if (fi_rules_has(&x->rules, x->rules.head.kind[FI_RK_FLOW], taken - 1)) {
		v->rule = taken - 1;
		v->drop = fi_rules_has(&x->rules, x->rules.head.drop, taken - 1);
	}
	fi_rules_limit(x);
	if (!fi_rules_account(x))
		return 0;
	fi_count_n(FI_C_RULE_DROP, x->segments);
	return 1;
}

/* The same for a packet of a socket that has one flow: its headers are not read. */
FI_SUB int fi_socket_ruled_alone(struct fi_socket *ss, int egress, __u32 packets, __u64 bytes)
{
	struct fi_scratch *x;
	int drop;

	if (!ss || !(x = fi_scratch_take()))
		return 0;
	x->tuple = ss->tuple;
	x->before = ss->flow.verdict;
	x->segments = packets;
	x->end = !egress; /* end 0 is the local socket */
	x->pkt.l3_len = bytes;
	x->pkt.tcp_flags = 0;
	__builtin_memcpy(x->pkt.tuple.addr[0], egress ? ss->tuple.addr[0] : ss->tuple.addr[1], 16);
	drop = fi_socket_ruled(x, &ss->flow, egress);
	fi_scratch_give(x);
	return drop;
}

#endif
