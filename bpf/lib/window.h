/* SPDX-License-Identifier: Apache-2.0 */
/* The window: who opened the flow, where each end's stream begins, and which of its bytes are looked at, whatever way TCP
 * brought them. */
#ifndef FI_LIB_WINDOW_H
#define FI_LIB_WINDOW_H

#include "packet.h"

#define FI_HOLES 6 /* packets waited for the bytes before them */

/* The end that opened the flow. */
fi_inline int fi_source_end(const struct fi_flow *f)
{
	return f->flags & FI_F_FLIP ? 1 : 0;
}

fi_inline void fi_set_source(struct fi_flow *f, int end)
{
	if (end)
		f->flags |= FI_F_FLIP;
	else
		f->flags &= ~FI_F_FLIP;
}

/* Handshake and teardown flags of a TCP packet that `end` sent. */
fi_inline void fi_flow_tcp(struct fi_flow *f, int end, __u8 tcp_flags, __u32 seq)
{
	struct fi_side *s = &f->side[end & 1];

	if (tcp_flags & FI_TH_SYN) {
		if (!(f->flags & FI_F_OPENED)) {
			fi_set_source(f, tcp_flags & FI_TH_ACK ? !end : end);
			f->flags |= FI_F_OPENED;
		}
		if (!(s->flags & FI_D_BASED) || (s->have == 0 && s->from == 0)) {
			s->base = seq + 1;
			s->flags = (s->flags | FI_D_SYN | FI_D_BASED) & ~FI_D_MID;
		}
	}
	if (tcp_flags & FI_TH_FIN) {
		s->flags |= FI_D_FIN;
		if (f->side[!(end & 1)].flags & FI_D_FIN)
			f->flags |= FI_F_CLOSED;
	}
	if (tcp_flags & FI_TH_RST)
		f->flags |= FI_F_CLOSED | FI_F_RESET;
}

/* Where payload bytes go: `n` bytes from payload offset `src` to window offset `dst`; n = 0: nowhere. */
struct fi_plan {
	__u32 src;
	__u32 dst;
	__u32 n;
	__u8 gap; /* they lie beyond a hole: keep them, do not look yet */
};

/* Moves the window past what was looked at: the next in-order byte is its byte 0. */
fi_inline void fi_next_window(struct fi_side *s)
{
	s->from += s->have;
	s->have = 0;
	s->skip = 0;
	s->holes = 0;
	s->flags = (s->flags | FI_D_MID) & ~FI_D_KEPT;
}

/* Decides where the payload of a TCP packet goes. May move the window. */
fi_inline struct fi_plan fi_place(struct fi_side *s, __u32 seq, __u32 len)
{
	struct fi_plan plan = {};

	if (!(s->flags & FI_D_BASED)) {
		s->base = seq;
		s->from = s->have = 0;
		s->flags |= FI_D_BASED | FI_D_MID;
	}
	__s32 rel = (__s32)(seq - (s->base + s->from));

	if (rel < 0) { /* sent again, or from before the window */
		plan.src = -(__u32)rel; /* the sign of the smallest number cannot be turned */
		rel = 0;
	}
	if ((__u32)rel < s->have) {
		plan.src += s->have - rel;
		s->flags |= FI_D_OVERLAP;
		rel = s->have;
	}
	if (plan.src >= len)
		return plan;
	len -= plan.src;
	if ((__u32)rel > s->have) {
		s->flags |= FI_D_GAP;
		if (s->have == 0 && s->flags & FI_D_MID) { /* no start to wait for: begin here */
			s->from += rel;
			rel = 0;
		} else if (++s->holes > FI_HOLES) { /* lost: begin anew behind the hole */
			s->from += rel;
			s->have = 0;
			s->skip = 0;
			s->holes = 0;
			s->flags = (s->flags | FI_D_MID) & ~FI_D_KEPT;
			if (s->tries < 255)
				s->tries++;
			rel = 0;
		} else if (rel >= FI_WINDOW) { /* may yet be filled */
			return plan;
		} else {
			plan.gap = 1;
		}
	}
	plan.dst = rel;
	if (plan.dst < FI_WINDOW)
		plan.n = len < FI_WINDOW - plan.dst ? len : FI_WINDOW - plan.dst;
	if (!plan.gap) {
		s->have = plan.dst + len;
		s->holes = 0; /* what was waited for has come */
	}
	return plan;
}

/* Out-of-order bytes: remembers one range, and joins it when the hole before it is filled. */
fi_inline void fi_join(struct fi_side *s, __u32 *lo, __u32 *hi, const struct fi_plan *plan)
{
	if (plan->gap) {
		if (*hi == 0) {
			*lo = plan->dst;
			*hi = plan->dst + plan->n;
		} else if (plan->dst <= *hi && plan->dst + plan->n >= *lo) {
			if (plan->dst < *lo)
				*lo = plan->dst;
			if (plan->dst + plan->n > *hi)
				*hi = plan->dst + plan->n;
		}
		return;
	}
	if (*hi && s->have >= *lo) {
		if (*hi > s->have)
			s->have = *hi;
		*lo = *hi = 0;
	}
}

#endif
