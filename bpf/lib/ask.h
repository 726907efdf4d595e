/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the signatures about one window and keeps the best answer. */
#ifndef FI_ASK_H
#define FI_ASK_H

#include "../gen/protocols.h"

/* One question: in: which protocols (want), and which one the other end already speaks (prefer). Out: the best hit. */
struct fi_question {
	__u64 want[FI_SET_WORDS];
	fi_answer answer;
	__u16 prefer;
	__u16 best; /* protocol id of answer; 0 = no hit */
	__u8 score; /* grade * 2, + 1 when it agrees with the other end */
	__u8 more; /* some signature wants more bytes */
	__u8 more_first; /* one that outranks best wants more bytes */
	__u8 all; /* ask every protocol: want is not read */
};

FI_FN int fi_consider(struct fi_question *q, __u16 id, __u64 a)
{
	if (!q)
		return 0;
	if (FI_ANSWER_KIND(a) == FI_MORE) {
		q->more = 1;
		return 0;
	}
	__u8 score = FI_ANSWER_GRADE(a) * 2 + (id == q->prefer);

	if (score > q->score) {
		q->score = score;
		q->best = id;
		q->answer = a;
		q->more_first = q->more;
	}
	return 0;
}

fi_inline int fi_wanted(const struct fi_question *q, __u16 id)
{
	/* An exact magic with nothing better possible ends the search. */
	if (q->score >= FI_STRONG * 2 && !q->more_first)
		return 0;
	return q->all || (q->want[id >> 6] >> (id & 63) & 1);
}

#define FI_ASK(name, id)                                                                           \
	if (fi_wanted(q, id)) {                                                                    \
		__u64 a_##name = fi_sig_##name(w);                                                 \
		if (a_##name)                                                                      \
			fi_consider(q, id, a_##name);                                              \
	}

FI_FN int fi_ask_tcp(struct fi_question *q, const struct fi_win *w)
{
	if (!q || !w)
		return 0;
	FI_ASK_TCP
	return 0;
}

FI_FN int fi_ask_udp(struct fi_question *q, const struct fi_win *w)
{
	if (!q || !w)
		return 0;
	FI_ASK_UDP
	return 0;
}

/* No answer that is still possible could replace the best one. */
fi_inline int fi_settled(const struct fi_question *q)
{
	return !q->more || (q->score >= FI_STRONG * 2 && !q->more_first);
}

/* i, or 0 when it is not below n. The barriers keep the compiler from moving the check to a copy that the verifier
 * does not connect with the index. */
fi_inline __u32 fi_index(__u32 i, __u32 n)
{
#ifndef FI_HOST
	asm volatile("" : "+r"(i));
#endif
	if (i >= n)
		i = 0;
#ifndef FI_HOST
	asm volatile("" : "+r"(i));
#endif
	return i;
}

/* Layer below position d of the stack; 0 when there is none. */
fi_inline __u16 fi_layer(const struct fi_verdict *v, __u32 d)
{
	__u16 layer = v->layer[fi_index(d - 1, FI_LAYERS)];

	return d ? layer : 0;
}

fi_inline __u16 fi_top(const struct fi_verdict *v)
{
	return fi_layer(v, v->depth);
}

/* Members of fi_then and fi_has_labels, for ids that are not constants. */
fi_inline int fi_set_has(const __u64 *set, __u16 id)
{
	return set[fi_index(id >> 6, FI_SET_WORDS)] >> (id & 63) & 1;
}

#endif
