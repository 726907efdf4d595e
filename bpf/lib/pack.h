/* SPDX-License-Identifier: Apache-2.0 */
/* Protocols that an operator describes as data. A rule is of fixed size and read by the interpreter below; it is asked
 * after every signature and only when none of them hit or waits for bytes, so that a rule never outranks one.
 * Matches of a rule are tried in order and the first that fails ends it: src/packs/compile.ts puts those that look at one
 * place before those that search, and bounds how much all rules together may search. */
#ifndef FI_PACK_H
#define FI_PACK_H

#include "ask.h"

#define FI_PACK_FIRST 96 /* ids of packs; tools/gen-protocols.mjs keeps them free */
#define FI_PACK_IDS 32
#define FI_PACK_RULES 64
#define FI_PACK_MATCHES 8
#define FI_PACK_BYTES 32

enum fi_pack_op { FI_PACK_AT = 1, FI_PACK_CONTAINS = 2, FI_PACK_LENGTH = 3, FI_PACK_MINIMUM = 4 };

struct fi_pack_match {
	__u8 op;
	__u8 n; /* bytes compared, or width of the length field */
	__u8 little;
	__u8 pad;
	__u16 off;
	__u16 end; /* contains: the bytes end before this */
	__s32 add; /* length: value + add is the length of the datagram; minimum: the length */
	__u8 want[FI_PACK_BYTES];
	__u8 mask[FI_PACK_BYTES];
};

struct fi_pack_rule {
	__u16 id;
	__u8 l4;
	__u8 who; /* enum fi_who */
	__u8 grade;
	__u8 n;
	__u8 pad[2];
	struct fi_pack_match match[FI_PACK_MATCHES];
};
_Static_assert(sizeof(struct fi_pack_rule) == 616, "src/packs/compile.ts writes this layout");

struct fi_pack_name {
	char name[32]; /* ends with 0; empty = the id is free */
};

#ifdef FI_HOST
struct fi_packs {
	__u32 n;
	struct fi_pack_rule rule[FI_PACK_RULES];
};
#else
#include "kernel.h"
/* Two banks: a set is written to the one that is not in use, then fi_pack_switch turns over. */
FI_MAP(fi_pack_rules, BPF_MAP_TYPE_ARRAY, 2 * FI_PACK_RULES, __u32, struct fi_pack_rule, 0);
/* First rule of the bank in use << 16 | rules in it. */
FI_MAP(fi_pack_switch, BPF_MAP_TYPE_ARRAY, 1, __u32, __u32, 0);
/* Name of each pack id, from FI_PACK_FIRST on: whoever finds these programs loaded knows what the ids in flows mean. */
FI_MAP(fi_pack_names, BPF_MAP_TYPE_ARRAY, FI_PACK_IDS, __u32, struct fi_pack_name, 0);
#endif

/* What is not there can still come, unless this is a whole datagram or the window is full. */
fi_inline __u32 fi_pack_short(const struct fi_win *w)
{
	return w->whole || w->len >= FI_WINDOW ? FI_FIT_NO : FI_FIT_MORE;
}

FI_FN int fi_pack_at(const struct fi_win *w, const struct fi_pack_match *m, __u32 off)
{
	__u32 there = 0, diff = 0;

	if (!w || !m)
		return FI_FIT_NO;
	for (__u32 i = 0; i < FI_PACK_BYTES && i < m->n; i++) {
		__u32 in = (__u32)fi_in(w, off + i, 1);

		diff |= (fi_at(w, off + i) ^ m->want[i]) & m->mask[i] & in;
		there += in & 1;
	}
	if (diff)
		return FI_FIT_NO;
	return there == m->n ? FI_FIT_YES : fi_pack_short(w);
}

FI_FN int fi_pack_contains(const struct fi_win *w, const struct fi_pack_match *m)
{
	if (!w || !m)
		return FI_FIT_NO;
	for (__u32 i = 0; i < FI_WINDOW; i++) {
		__u32 off = m->off + i;

		if (off + m->n > m->end || off + m->n > w->len)
			break;
		if (fi_at(w, off) == m->want[0] && fi_pack_at(w, m, off) == FI_FIT_YES)
			return FI_FIT_YES;
	}
	return w->len >= m->end ? FI_FIT_NO : fi_pack_short(w);
}

fi_inline __u32 fi_pack_length(const struct fi_win *w, const struct fi_pack_match *m)
{
	__u64 v = 0;

	for (__u32 i = 0; i < 4 && i < m->n; i++)
		v |= (__u64)fi_at(w, m->off + i) << 8 * (m->little ? i : m->n - 1 - i);
	if (!fi_in(w, m->off, m->n))
		return fi_pack_short(w);
	return (__s64)v + m->add == w->total ? FI_FIT_YES : FI_FIT_NO;
}

FI_FN int fi_pack_match(const struct fi_win *w, const struct fi_pack_match *m)
{
	if (!w || !m)
		return FI_FIT_NO;
	if (m->op == FI_PACK_AT)
		return fi_pack_at(w, m, m->off);
	if (m->op == FI_PACK_CONTAINS)
		return fi_pack_contains(w, m);
	if (m->op == FI_PACK_LENGTH)
		return fi_pack_length(w, m);
	return (__s64)w->total >= m->add ? FI_FIT_YES : fi_pack_short(w);
}

FI_FN __u64 fi_pack_ask(const struct fi_pack_rule *r, const struct fi_win *w)
{
	__u32 more = 0;

	if (!r || !w)
		return FI_NO;
	if (r->l4 != w->l4 || !w->start || (r->who != FI_EITHER && w->from != FI_EITHER && r->who != w->from))
		return FI_NO;
	for (__u32 i = 0; i < FI_PACK_MATCHES && i < r->n; i++) {
		int fit = fi_pack_match(w, &r->match[i]);

		if (fit == FI_FIT_NO)
			return FI_NO;
		more |= fi_equal(fit, FI_FIT_MORE);
	}
	return more ? FI_MORE : FI_HIT(r->grade, r->who, 1, r->match[0].off);
}

fi_inline void fi_ask_pack(struct fi_question *q, const struct fi_win *w, const struct fi_pack_rule *r)
{
	__u16 id = r->id;
	fi_answer a = q->all || fi_set_has(q->want, id) ? fi_pack_ask(r, w) : FI_NO;

	if (a)
		fi_consider(q, id, a);
}

#ifdef FI_HOST
static inline void fi_ask_packs(struct fi_question *q, const struct fi_win *w, const struct fi_packs *p)
{
	if (!p || q->best || q->more)
		return;
	for (__u32 i = 0; i < p->n; i++)
		fi_ask_pack(q, w, &p->rule[i]);
}
#else
FI_FN int fi_ask_packs(struct fi_question *q, const struct fi_win *w)
{
	__u32 key = 0, *now;

	if (!q || !w || q->best || q->more)
		return 0;
	now = bpf_map_lookup_elem(&fi_pack_switch, &key);
	if (!now)
		return 0;
	for (__u32 i = 0, n = *now & 0xffff, first = *now >> 16; i < FI_PACK_RULES && i < n; i++) {
		const struct fi_pack_rule *r;

		key = first + i;
		r = bpf_map_lookup_elem(&fi_pack_rules, &key);
		if (!r)
			break;
		fi_ask_pack(q, w, r);
	}
	return 0;
}
#endif

#endif
