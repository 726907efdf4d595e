/* SPDX-License-Identifier: Apache-2.0 */
/* Rules on the way of a packet through the wire view. Without rules all of it is one lookup and one compare.
 *
 * What was decided for a flow for good is kept in its two marks (fi_side.ruled): side 0 has the generation of the rules
 * that it was decided under, side 1 in the two low bits the ends whose packets no rule concerns. Above them stands nothing;
 * or, with no such end, the rule that drops the flow for its life, in both directions; or, with end 0 alone, 1 + a rule that does
 * so and answers; or, with both, 1 + the rule that user space gave the flow to (decide.h), which takes part for each packet. */
#ifndef FI_TAP_RULES_H
#define FI_TAP_RULES_H

#include "limit.h"

#define FI_RULED_FREE 3 /* bits: packets of end 0, 1 concern no rule */
#define FI_RULED_RULE 2 /* shift */
#define FI_RULED_REJECT 1 /* the two bits, when a rule stands above them that answers */
#define FI_RULED_QUIET_NS 10000000000ull /* a dropped flow that was silent for so long may begin anew */
#define FI_RULES_TELL_NS 1000000000ull

/* The generation in force; clock: an expression, read only while a set is on trial. Nobody has to live for such a set to go. */
#define FI_RULES_GENERATION(clock)                                                                 \
	({                                                                                         \
		__u32 zero_ = 0;                                                                   \
		const struct fi_rules_switch *s_ = bpf_map_lookup_elem(&fi_rules_switch, &zero_);  \
		!s_ ? 0 : s_->until_ns && (clock) >= s_->until_ns ? s_->before : s_->generation;   \
	})

fi_inline __u32 fi_rules_generation(void)
{
	return FI_RULES_GENERATION(fi_now());
}

/* The long way is needed: rules are in force and may concern this packet. */
fi_inline int fi_rules_open(const struct fi_flow *f, __u32 generation, int end, int ingress)
{
	const struct fi_side *s = end & 1 ? &f->side[1] : &f->side[0];
	__u32 mark = f->side[1].ruled;

	return f->side[0].ruled != (__u16)generation || !(mark >> (end & 1) & 1) || mark >> FI_RULED_RULE || s->ingress != ingress;
}

/* Number, from 1, of the rule that the flow was given to; 0 = none. */
fi_inline __u32 fi_rules_taken(const struct fi_flow *f, __u32 generation)
{
	__u32 mark = f->side[1].ruled;

	return f->side[0].ruled == (__u16)generation && (mark & FI_RULED_FREE) == FI_RULED_FREE ? mark >> FI_RULED_RULE : 0;
}

/* Number, from 1, of the rule that drops the flow for its life and answers, by its mark; 0 = none. */
fi_inline __u32 fi_rules_refused(__u32 mark)
{
	return (mark & FI_RULED_FREE) == FI_RULED_REJECT ? mark >> FI_RULED_RULE : 0;
}

/* Counts a hit; tells user space of about one a second. */
FI_SUB void fi_rules_hit(const struct fi_scratch *x, __u32 rule, int audit)
{
	__u32 bank = x->rules.bank;
	void *map = bpf_map_lookup_elem(&fi_rules_hits, &bank);
	struct fi_rule_hits *h = map ? bpf_map_lookup_elem(map, &rule) : 0;
	__u64 now = bpf_ktime_get_ns();
	struct fi_drop *d;

	if (!h)
		return;
	h->packets += x->segments;
	h->bytes += x->pkt.l3_len;
	h->last_ns = now;
	if (x->rules.v.drop && !audit)
		h->dropped += x->segments;
	h->flows += x->opens;
	if (!x->rules.v.drop && !audit)
		return;
	if (h->told_ns && now - h->told_ns < FI_RULES_TELL_NS)
		return;
	h->told_ns = now;
	d = bpf_ringbuf_reserve(&fi_ring, sizeof(*d), 0);
	if (!d) {
		FI_COUNT(FI_C_RING_FULL);
		return;
	}
	__builtin_memset(d, 0, sizeof(*d));
	d->head.type = FI_R_DROP;
	d->head.size = sizeof(*d);
	d->head.now_ns = now;
	d->tuple = x->tuple;
	d->rule = rule;
	d->generation = x->ruled;
	d->ifindex = x->rules.p.ifindex;
	d->verdict = x->before;
	d->length = x->pkt.l3_len;
	d->end = x->end;
	d->audit = audit;
	d->tcp_flags = x->pkt.tcp_flags;
	bpf_ringbuf_submit(d, 0);
}

fi_inline void fi_rules_tuple(struct fi_rule_packet *p, const struct fi_tuple *t)
{
	__builtin_memcpy(p->addr, t->addr, sizeof(p->addr));
	p->port[0] = __builtin_bswap16(t->port_be[0]);
	p->port[1] = __builtin_bswap16(t->port_be[1]);
	p->net = t->net;
	p->l4 = t->l4;
	p->has_ports = t->l4 == FI_TCP || t->l4 == FI_UDP || t->l4 == FI_SCTP;
}

/* Rules in force ask for what differs between packets of one sender: what was said of one says nothing of the next. */
fi_inline int fi_rules_vary(const struct fi_rules_work *w, __u32 l4)
{
	__u32 used = w->head.used;

	return used >> FI_RF_LENGTH & 1 || (used >> FI_RF_ICMP & 1 && (l4 == FI_ICMP || l4 == FI_ICMP6));
}

/* What the rules say of the packet in x, which belongs to f (NULL: nothing known yet). */
FI_SUB void fi_rules_ask(struct fi_scratch *x, const struct fi_flow *f)
{
	struct fi_rule_packet *p = &x->rules.p;

	fi_rules_tuple(p, &x->pkt.tuple);
	p->vlan = x->pkt.vlan;
	p->length = x->pkt.l3_len < 65535 ? x->pkt.l3_len : 65535;
	p->icmp = x->pkt.icmp;
	p->has_icmp = x->pkt.has_icmp;
	p->tunnel = x->pkt.carried;
	p->has_flags = p->l4 == FI_TCP && x->pkt.part != FI_PART_LATER;
	p->tcp_flags = x->pkt.tcp_flags;
	p->pending = 1;
	p->depth = p->confidence = p->named = p->reply = 0;
	p->taken = 0;
	if (f) {
		const struct fi_verdict *v = &f->verdict;

		p->taken = fi_rules_taken(f, x->ruled);
		p->reply = fi_source_end(f) != (x->end & 1);
		p->pending = f->state == FI_S_PENDING;
		p->depth = v->depth;
		p->confidence = v->confidence;
		p->named = v->depth ? fi_layer(v, v->named + 1) : 0;
		__builtin_memcpy(p->layer, v->layer, sizeof(p->layer));
	}
	fi_rules_decide(&x->rules);
	if (x->rules.v.drop || !x->pkt.tunnels)
		return;
	/* A tunnel's own addresses and ports may not hide behind what it carries. */
	x->inner = x->rules.v;
	fi_rules_tuple(p, &x->pkt.carrier);
	p->length = x->pkt.carrier_l3_len < 65535 ? x->pkt.carrier_l3_len : 65535;
	p->has_flags = p->has_icmp = p->depth = p->confidence = p->named = p->reply = 0;
	p->taken = 0;
	p->pending = 1;
	fi_rules_decide(&x->rules);
	if (!x->rules.v.drop && !fi_rules_limits_it(x, x->rules.v.rule))
		x->rules.v = x->inner;
}

/* Takes up the rules in force for the packet in x. 0 = none. */
fi_inline int fi_rules_begin(struct fi_scratch *x, int ingress, __u32 ifindex)
{
	__u32 bank;
	const struct fi_rules_head *h;

	x->ruled = fi_rules_generation();
	if (!x->ruled)
		return 0;
	bank = x->rules.bank = x->ruled & 1;
	h = bpf_map_lookup_elem(&fi_rules_heads, &bank);
	if (!h) {
		x->ruled = 0;
		return 0;
	}
	x->rules.head = *h;
	x->rules.p.ifindex = ifindex;
	x->rules.p.egress = !ingress;
	x->rules.v.rule = x->rules.v.audit = FI_RULE_NONE;
	x->rules.v.drop = x->rules.v.waits = 0;
	x->limited = FI_RULE_NONE;
	x->opens = 0;
	if (x->rules.head.epochs) {
		x->rules.p.now_ns = bpf_ktime_get_ns();
		fi_rules_at(&x->rules);
	}
	return 1;
}

/* The packet in x is dropped by a rule that answers. */
fi_inline int fi_rules_answers(const struct fi_scratch *x)
{
	const struct fi_rules_work *w = &x->rules;

	return w->head.flags & FI_RULES_REJECTS && w->v.rule != FI_RULE_NONE && fi_rules_has(w, w->head.reject, w->v.rule);
}

/* Its rule asks for protocols: it drops the flow for its life. One that the flow was given to is asked for each packet. */
fi_inline void fi_rules_mark(struct fi_scratch *x, struct fi_flow *f)
{
	const struct fi_rules_work *w = &x->rules;

	if (fi_rules_has(w, w->head.kind[FI_RK_ACT_PACKET], w->v.rule) || fi_rules_has(w, w->head.fleeting, w->v.rule) ||
	    fi_rules_has(w, w->head.kind[FI_RK_FLOW], w->v.rule))
		return;
	x->opens = 1;
	f->side[0].ruled = (__u16)x->ruled;
	f->side[1].ruled = fi_rules_answers(x) ? (w->v.rule + 1) << FI_RULED_RULE | FI_RULED_REJECT : w->v.rule << FI_RULED_RULE;
}

/* Headers were read, f is the packet's flow if it has one. 1 = drop it, and leave no trace in the flows. */
FI_SUB int fi_rules_packet(struct fi_scratch *x, struct fi_flow *f, int ingress)
{
	int end = x->end;

	if (f)
		x->before = f->verdict;
	else
		__builtin_memset(&x->before, 0, sizeof(x->before));
	if (f && f->side[0].ruled == (__u16)x->ruled) {
		__u64 now = bpf_ktime_get_coarse_ns();
		__u32 mark = f->side[1].ruled, refused = fi_rules_refused(mark);

		if (mark & FI_RULED_FREE && !refused) {
			/* A SYN is what the set may still ask for. */
			if (mark >> (end & 1) & 1 && !(mark >> FI_RULED_RULE) && f->side[end & 1].ingress == ingress && !x->pkt.tunnels && !(x->pkt.tcp_flags & FI_TH_SYN))
				return 0;
		} else if (!fi_reused(f, end, &x->pkt) || now - f->last_ns < FI_RULED_QUIET_NS) {
			f->last_ns = now;
			x->rules.v.rule = refused ? refused - 1 : mark >> FI_RULED_RULE;
			x->rules.v.drop = 1;
			return 1;
		}
	}
	fi_rules_ask(x, f && !fi_reused(f, end, &x->pkt) ? f : 0);
	fi_rules_limit(x);
	/* Dropped packets leave no flow: of those only the first of a connection, and what fi_dropped_note sees first, counts. */
	x->opens = !f && (!x->rules.v.drop || (x->pkt.tcp_flags & (FI_TH_SYN | FI_TH_ACK)) == FI_TH_SYN);
	if (!x->rules.v.drop)
		return 0;
	if (f && x->rules.p.depth + !x->rules.p.pending)
		fi_rules_mark(x, f);
	return 1;
}

/* No rule concerns this end's packets, and none will but a SYN, which takes the long way: the short one is open to them. */
FI_SUB void fi_rules_free(const struct fi_scratch *x, struct fi_flow *f, int end)
{
	const struct fi_rule_verdict *v = &x->rules.v;
	__u32 mark = f->side[1].ruled;

	if (f->state != FI_S_DONE || v->rule != FI_RULE_NONE || v->audit != FI_RULE_NONE || x->pkt.tunnels ||
	    fi_rules_vary(&x->rules, x->tuple.l4) ||
	    (x->rules.head.used >> FI_RF_FLAGS & 1 && !(x->rules.head.flags & FI_RULES_SYN)) || fi_rules_taken(f, x->ruled))
		return;
	if (f->side[0].ruled != (__u16)x->ruled || mark >> FI_RULED_RULE)
		mark = 0;
	f->side[1].ruled = mark | 1 << (end & 1);
	f->side[0].ruled = (__u16)x->ruled;
}

/* More is known of the flow than when the packet came. */
FI_SUB void fi_rules_again(struct fi_scratch *x, struct fi_flow *f)
{
	x->before = f->verdict;
	fi_rules_ask(x, f);
	fi_rules_limit(x);
	if (x->rules.v.drop)
		fi_rules_mark(x, f);
}

/* Headers that cannot be followed hide what a rule asks for: nobody sends such packets but to hide. */
FI_SUB int fi_rules_hidden(const struct fi_scratch *x, int err)
{
	if (!(x->rules.head.flags & FI_RULES_DEEP) || !x->pkt.tuple.net || (err != -FI_C_TRUNCATED && err != -FI_C_TOO_DEEP))
		return 0;
	fi_count_n(FI_C_RULE_HIDDEN, x->segments);
	return 1;
}

/* The packet is done with: counts what was decided. 1 = drop it. */
FI_SUB int fi_rules_account(struct fi_scratch *x)
{
	const struct fi_rule_verdict *v = &x->rules.v;

	if (v->audit != FI_RULE_NONE && (!fi_rules_limits_it(x, v->audit) || fi_rules_above(x, v->audit)))
		fi_rules_hit(x, v->audit, 1);
	if (v->rule != FI_RULE_NONE)
		fi_rules_hit(x, v->rule, 0);
	return v->drop;
}

#endif
