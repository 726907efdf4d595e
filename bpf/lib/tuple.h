/* SPDX-License-Identifier: Apache-2.0 */
/* Tuples: compared, turned round, put in order; and a tuple that is used again. */
#ifndef FI_TUPLE_H
#define FI_TUPLE_H

#include "engine.h"

fi_inline __u64 fi_u64_at(const void *p, __u32 i)
{
	__u64 v;
	__builtin_memcpy(&v, (const __u8 *)p + i, 8);
	return v;
}

/* The same ends, in the same order. */
fi_inline int fi_same(const struct fi_tuple *a, const struct fi_tuple *b)
{
	__u64 diff = 0;
	__u32 x, y;

#pragma unroll
	for (__u32 i = 0; i < 40; i += 8)
		diff |= fi_u64_at(a, i) ^ fi_u64_at(b, i);
	__builtin_memcpy(&x, &a->l4, 4);
	__builtin_memcpy(&y, &b->l4, 4);
	return !(diff | (x ^ y));
}

/* Exchanges the two ends of a tuple. */
fi_inline void fi_swap(struct fi_tuple *t)
{
	__u8 a[16];
	__be16 p = t->port_be[0];

	__builtin_memcpy(a, t->addr[0], 16);
	__builtin_memcpy(t->addr[0], t->addr[1], 16);
	__builtin_memcpy(t->addr[1], a, 16);
	t->port_be[0] = t->port_be[1];
	t->port_be[1] = p;
}

/* Lower end first, so that both directions find the same entry. Returns the end that sent the packet. */
fi_inline int fi_normalise(struct fi_tuple *t)
{
	__u64 a0 = __builtin_bswap64(fi_u64_at(t->addr[0], 0)), a1 = __builtin_bswap64(fi_u64_at(t->addr[0], 8));
	__u64 b0 = __builtin_bswap64(fi_u64_at(t->addr[1], 0)), b1 = __builtin_bswap64(fi_u64_at(t->addr[1], 8));

	if (a0 < b0 || (a0 == b0 && (a1 < b1 || (a1 == b1 && __builtin_bswap16(t->port_be[0]) <= __builtin_bswap16(t->port_be[1])))))
		return 0;
	fi_swap(t);
	return 1;
}

/* A SYN that cannot belong to the connection this flow has seen: the tuple is used again. */
fi_inline int fi_reused(const struct fi_flow *f, int end, const struct fi_pkt *p)
{
	const struct fi_side *s = &f->side[end & 1];

	if (p->tuple.l4 != FI_TCP || (p->tcp_flags & (FI_TH_SYN | FI_TH_ACK | FI_TH_RST)) != FI_TH_SYN)
		return 0;
	return f->flags & FI_F_CLOSED || (s->flags & FI_D_BASED && s->have + s->from && s->base != p->seq + 1);
}

#endif
