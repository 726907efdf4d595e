/* SPDX-License-Identifier: Apache-2.0 */
/* From a packet's fields to the rule that decides. The same code in the kernel and, over plain arrays, in user space;
 * tables.h has for each
 *   FI_RULES_BANK                    type that FI_RULES_BEGIN makes of struct fi_rules_work
 *   FI_RULES_ROW(bank, id)           const struct fi_rule_row *, or NULL
 *   fi_rules_small(work, index)      row number of the small table
 *   fi_rules_addr(work, which)       row number of the longest prefix of address 0 or 1
 *   fi_rules_exact(work, field, value, row)   row number of struct fi_rule_exact, or `row` if no rule names the value
 *   FI_RULES_EPOCHS_OF(work), FI_RULES_EPOCH(that, i)   const struct fi_rules_epoch *, or NULL
 *   fi_rules_has(work, row, rule)    the rule is in that row */
#ifndef FI_RULES_MATCH_H
#define FI_RULES_MATCH_H

#include "../../rules.h"
#include "../../sig.h"

/* Rows of one packet, and what came of it. */
struct fi_rules_work {
	__u32 bank;
	__u32 layers; /* layer rows take part */
	__u32 rare; /* rows of rare fields take part */
	__u32 pad;
	__u32 row[FI_RF_ROWS];
	__u32 more[FI_RULES_RARE + 1]; /* by field - FI_RF_RARE; even, so that what follows is aligned */
	__u32 any[FI_LAYERS];
	__u32 none[FI_LAYERS];
	struct fi_rule_packet p;
	struct fi_rule_verdict v;
	struct fi_rules_head head; /* of the bank */
#ifdef FI_HOST
	const struct fi_rules_set *set;
#endif
};

/* Index of the lowest bit that is set; BPF has no instruction for it and tables would be a lookup. */
fi_inline __u32 fi_lowest(__u64 x)
{
	__u64 y = (x & -x) - 1;

	y -= y >> 1 & 0x5555555555555555ull;
	y = (y & 0x3333333333333333ull) + (y >> 2 & 0x3333333333333333ull);
	y = (y + (y >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return y * 0x0101010101010101ull >> 56 & 63;
}

#include "tables.h"

/* AND of member[i] of all rows. */
#define FI_RULES_AND(member, i)                                                                    \
	(r[0]->member[i] & r[1]->member[i] & r[2]->member[i] & r[3]->member[i] & r[4]->member[i] & \
	 r[5]->member[i] & r[6]->member[i] & r[7]->member[i] & r[8]->member[i] & r[9]->member[i] & r[10]->member[i])
/* What rare fields and the flow's layers leave of word i; of layers: some that a rule asks for, and none that it excludes. On its
 * own, so that fifteen more rows do not lie on the stack, and few packets pay for them. */
FI_FN __u64 fi_rules_other_word(const struct fi_rules_work *w, __u32 i)
{
	__u64 any = 0, none = ~0ull;

	if (!w)
		return 0;
	FI_RULES_BANK bank = FI_RULES_BEGIN(w);

	if (!bank)
		return 0;
	for (int k = 0; w->rare && k < FI_RULES_RARE; k++) {
		const struct fi_rule_row *r = FI_RULES_ROW(bank, w->more[k]);

		none &= r ? r->word[i & (FI_ROW_WORDS - 1)] : 0;
	}
	if (!w->layers)
		return none;
	for (int k = 0; k < FI_LAYERS; k++) {
		const struct fi_rule_row *r = FI_RULES_ROW(bank, w->any[k]);

		any |= r ? r->word[i & (FI_ROW_WORDS - 1)] : 0;
		r = FI_RULES_ROW(bank, w->none[k]);
		none &= r ? r->word[i & (FI_ROW_WORDS - 1)] : 0;
	}
	return any & none;
}

/* The lowest rule in all rows of w, or FI_RULE_NONE. */
FI_FN __u32 fi_rules_first(const struct fi_rules_work *w)
{
	const struct fi_rule_row *r[FI_RF_ROWS];

	if (!w)
		return FI_RULE_NONE;
	FI_RULES_BANK bank = FI_RULES_BEGIN(w);

	if (!bank)
		return FI_RULE_NONE;
#pragma unroll
	for (int i = 0; i < FI_RF_ROWS; i++) {
		r[i] = FI_RULES_ROW(bank, w->row[i]);
		if (!r[i])
			return FI_RULE_NONE;
	}
#pragma unroll
	for (__u32 s = 0; s < FI_ROW_SUMS; s++) {
		__u64 bits = FI_RULES_AND(sum, s);

		for (int n = 0; n < 64 && bits; n++) {
			__u32 i = s * 64 + fi_lowest(bits);
			__u64 word = FI_RULES_AND(word, i & (FI_ROW_WORDS - 1));

			if (word && (w->layers | w->rare))
				word &= fi_rules_other_word(w, i);
			if (word)
				return i * 64 + fi_lowest(word);
			bits &= bits - 1;
		}
	}
	return FI_RULE_NONE;
}

#define FI_RULES_USES(w, field) ((w)->head.used >> (field) & 1)

/* Rows of what few sets ask of packets. */
FI_FN int fi_rules_rare_rows(struct fi_rules_work *w)
{
	if (!w)
		return 0;
	const struct fi_rule_packet *p = &w->p;
	__u32 icmp = (p->net == 6) * 65536 + p->icmp;

	w->more[FI_RF_ICMP - FI_RF_RARE] = !FI_RULES_USES(w, FI_RF_ICMP) ? FI_ROW_ONES :
					   !p->has_icmp ? w->head.no_icmp :
							  fi_rules_exact(w, FI_RF_ICMP, icmp, fi_rules_small(w, FI_SMALL_ICMP + icmp / 256));
	w->more[FI_RF_LENGTH - FI_RF_RARE] = FI_RULES_USES(w, FI_RF_LENGTH) ? fi_rules_small(w, FI_SMALL_LENGTH + p->length) : FI_ROW_ONES;
	w->more[FI_RF_TUNNEL - FI_RF_RARE] = FI_RULES_USES(w, FI_RF_TUNNEL) ? fi_rules_exact(w, FI_RF_TUNNEL, p->tunnel, w->head.tunnel) : FI_ROW_ONES;
	return 0;
}

/* Rows of what packets alone show. */
FI_FN int fi_rules_packet_rows(struct fi_rules_work *w)
{
	if (!w)
		return 0;
	const struct fi_rule_packet *p = &w->p;

	w->row[FI_RF_LINK] = FI_RULES_USES(w, FI_RF_LINK) ? fi_rules_exact(w, FI_RF_LINK, p->ifindex * 2 + p->egress, w->head.link[p->egress & 1]) :
							    FI_ROW_ONES;
	w->row[FI_RF_L4] = FI_RULES_USES(w, FI_RF_L4) ? fi_rules_small(w, FI_SMALL_L4 + (p->reply ? 512 : 0) + (p->net == 6) * 256 + p->l4) : FI_ROW_ONES;
	w->row[FI_RF_SRC] = FI_RULES_USES(w, FI_RF_SRC) ? fi_rules_addr(w, 0) : FI_ROW_ONES;
	w->row[FI_RF_DST] = FI_RULES_USES(w, FI_RF_DST) ? fi_rules_addr(w, 1) : FI_ROW_ONES;
	w->row[FI_RF_SPORT] = !FI_RULES_USES(w, FI_RF_SPORT) ? FI_ROW_ONES :
			      p->has_ports ? fi_rules_small(w, FI_SMALL_SPORT + p->port[0]) : w->head.no_port[0];
	w->row[FI_RF_DPORT] = !FI_RULES_USES(w, FI_RF_DPORT) ? FI_ROW_ONES :
			      p->has_ports ? fi_rules_small(w, FI_SMALL_DPORT + p->port[1]) : w->head.no_port[1];
	w->row[FI_RF_FLAGS] = !FI_RULES_USES(w, FI_RF_FLAGS) ? FI_ROW_ONES :
			      p->has_flags ? fi_rules_small(w, FI_SMALL_FLAGS + p->tcp_flags) : w->head.no_flags;
	w->row[FI_RF_VLAN] = FI_RULES_USES(w, FI_RF_VLAN) ? fi_rules_small(w, FI_SMALL_VLAN + (p->vlan & 4095)) : FI_ROW_ONES;
	w->rare = w->head.used >> FI_RF_RARE;
	if (w->rare)
		fi_rules_rare_rows(w);
	return 0;
}

/* Rows of what is known of its flow. */
FI_FN int fi_rules_flow_rows(struct fi_rules_work *w)
{
	if (!w)
		return 0;
	const struct fi_rule_packet *p = &w->p;
	__u32 confidence = p->confidence < 3 ? p->confidence : 2;

	w->row[FI_RF_PROTO] = FI_RULES_USES(w, FI_RF_PROTO) ? fi_rules_small(w, FI_SMALL_PROTO + (p->named & 255)) : FI_ROW_ONES;
	w->row[FI_RF_CONF] = FI_RULES_USES(w, FI_RF_CONF) ? fi_rules_small(w, FI_SMALL_CONF + confidence + (p->pending ? 0 : 3)) : FI_ROW_ONES;
	w->layers = FI_RULES_USES(w, FI_RF_LAYER_ANY) || FI_RULES_USES(w, FI_RF_LAYER_NONE);
	if (!w->layers)
		return 0;
#pragma unroll
	for (int i = 0; i < FI_LAYERS; i++) {
		int there = i < p->depth;

		w->any[i] = there ? fi_rules_small(w, FI_SMALL_LAYER_ANY + (p->layer[i] & 255)) : w->head.no_layer;
		w->none[i] = there ? fi_rules_small(w, FI_SMALL_LAYER_NONE + (p->layer[i] & 255)) : FI_ROW_ONES;
	}
	return 0;
}

/* Rules that have expired at w->p.now_ns take part no more. */
FI_FN int fi_rules_at(struct fi_rules_work *w)
{
	__u32 low = 0, high;
	const struct fi_rules_epoch *e;

	if (!w)
		return 0;
	high = w->head.epochs;
	if (!high || high > FI_RULES_EPOCHS)
		return 0;
	FI_RULES_BANK epochs = FI_RULES_EPOCHS_OF(w);

	if (!epochs)
		return 0;
	for (int i = 0; i < 9 && low + 1 < high; i++) {
		__u32 middle = (low + high - 1) / 2; /* the first whose end is not reached is at or below it, or above */

		e = FI_RULES_EPOCH(epochs, middle);
		if (!e)
			return 0;
		if (w->p.now_ns < e->until_ns)
			high = middle + 1;
		else
			low = middle + 1;
	}
	e = FI_RULES_EPOCH(epochs, low);
	if (e)
		__builtin_memcpy(w->head.kind, e->kind, sizeof(w->head.kind));
	return 0;
}

fi_inline __u32 fi_rules_of_kind(struct fi_rules_work *w, enum fi_rule_kind kind)
{
	w->row[FI_RF_KIND] = w->head.kind[kind];
	return fi_rules_first(w);
}

/* w->p in, w->v out. First match in order decides. As long as a flow's verdict may change, a rule that does not drop and asks for
 * protocols makes what drops or limits behind it wait; and as long as nothing is known of it, only rules that
 * packets alone decide take part. */
fi_inline void fi_rules_decide(struct fi_rules_work *w)
{
	int known = w->p.depth || !w->p.pending, acts;
	__u32 taken = w->p.taken - 1; /* none: FI_RULE_NONE */
	struct fi_rule_verdict *v = &w->v;

	fi_rules_packet_rows(w);
	w->layers = 0;
	w->row[FI_RF_PROTO] = w->row[FI_RF_CONF] = FI_ROW_ONES;
	if (known)
		fi_rules_flow_rows(w);
	v->rule = fi_rules_of_kind(w, known ? FI_RK_ACT : FI_RK_ACT_PACKET);
	if (taken < v->rule && fi_rules_has(w, w->head.kind[FI_RK_FLOW], taken))
		v->rule = taken;
	v->drop = v->rule != FI_RULE_NONE && fi_rules_has(w, w->head.drop, v->rule);
	v->audit = FI_RULE_NONE;
	v->waits = 0;
	if (w->head.flags & FI_RULES_AUDITS)
		v->audit = fi_rules_of_kind(w, known ? FI_RK_AUDIT : FI_RK_AUDIT_PACKET);
	if (taken < v->audit && fi_rules_has(w, w->head.kind[FI_RK_FLOW_AUDIT], taken))
		v->audit = taken;
	acts = v->drop || (v->rule != FI_RULE_NONE && fi_rules_has(w, w->head.limit, v->rule));
	if (acts && w->p.pending && w->head.flags & FI_RULES_WAITS) {
		w->layers = 0;
		w->row[FI_RF_PROTO] = w->row[FI_RF_CONF] = FI_ROW_ONES;
		if (fi_rules_of_kind(w, FI_RK_WAIT) < v->rule) {
			v->rule = FI_RULE_NONE;
			v->drop = 0;
			v->waits = 1;
		}
	}
	if (v->audit != FI_RULE_NONE && v->audit > v->rule)
		v->audit = FI_RULE_NONE;
}

#endif
