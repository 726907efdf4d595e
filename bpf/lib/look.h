/* SPDX-License-Identifier: Apache-2.0 */
/* One window through the engine, and what a packet needs on its way. */
#ifndef FI_LOOK_H
#define FI_LOOK_H

#include "engine.h"
#include "pack.h"
#ifndef FI_HOST
#include "rules/match.h"
#endif

/* Room for the packet that answers one: the read below goes by a power of two. */
#define FI_ANSWER 288

/* Working memory of one packet. */
struct fi_scratch {
	__u32 busy;
	__u32 end; /* tuple end that sent the packet */
	__u32 segments;
	__u32 vlan; /* tag that the card took off */
	__u32 decided; /* the flow is in fi_flows */
	__u32 ruled; /* generation of the rules that the packet is asked about; 0 = none */
	struct fi_pkt pkt;
	struct fi_win win;
	struct fi_question q;
	struct fi_plan plan;
	struct fi_tuple tuple; /* of the flow; here since the BPF stack is small */
	struct fi_verdict before; /* verdict as the packet found it */
	struct fi_flow fresh; /* what a new flow begins as */
#ifdef FI_HOST
	const struct fi_packs *packs; /* NULL = none */
#else
	struct fi_rules_work rules;
	__u32 opens; /* the packet is the first of its flow that the rule decides */
	__u32 limited; /* rule whose rate the packet was held against */
	struct fi_rule_verdict inner; /* what they say of the packet in a tunnel, while the tunnel is asked about */
	__u8 answer[FI_ANSWER]; /* to a packet that a rule rejects: taps/answer.h */
#endif
};

/* Asks about the window in x->win and judges the answers; takes off up to three layers (PROXY headers). */
fi_inline int fi_look(struct fi_flow *f, int end, struct fi_scratch *x, __u32 readable)
{
	int outcome = FI_LOOK_DROP;

	for (int i = 0; i < 3; i++) {
		fi_describe(f, end, &x->tuple, &x->win, &x->q);
		if (x->win.at + x->win.len > readable)
			x->win.len = readable > x->win.at ? readable - x->win.at : 0;
		if (x->tuple.l4 == FI_TCP)
			fi_ask_tcp(&x->q, &x->win);
		else
			fi_ask_udp(&x->q, &x->win);
#ifdef FI_HOST
		fi_ask_packs(&x->q, &x->win, x->packs);
#else
		fi_ask_packs(&x->q, &x->win);
#endif
		outcome = fi_judge(f, end, &x->q, &x->win);
		if (outcome != FI_LOOK_AGAIN)
			break;
		if (f->side[end & 1].skip >= f->side[end & 1].have)
			return FI_LOOK_KEEP; /* nothing behind the header yet */
	}
	return outcome;
}

/* This payload packet is worth showing to user space for its labels: the flow's protocol has some, or is open still. */
fi_inline int fi_sampled(const struct fi_flow *f, int end)
{
	const struct fi_verdict *v = &f->verdict;

	if (f->flags & FI_F_LABELLED || f->side[end & 1].payload_packets > FI_TRIES)
		return 0;
	if (!v->depth)
		return f->side[end & 1].flags & FI_D_KEPT;
	for (int i = 0; i < FI_LAYERS; i++)
		if (i < v->depth && fi_set_has(fi_has_labels, v->layer[i]))
			return 1;
	return 0;
}

#endif
