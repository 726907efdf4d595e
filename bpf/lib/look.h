/* SPDX-License-Identifier: Apache-2.0 */
/* One payload packet through the engine: the same steps in the kernel and in replay. The includer defines
 *   FI_LOAD(ctx, off, dst, n)      copies n packet bytes to dst; 0 or negative
 *   FI_KEEP(ctx, tuple)            struct fi_pending of this flow, made when missing; NULL when there is no room
 *   FI_KEPT(ctx, tuple)            the same, NULL when there is none
 *   FI_FORGET(ctx, tuple)          drops it
 *   FI_COUNT(cause)                bumps a counter */
#ifndef FI_LOOK_H
#define FI_LOOK_H

#include "engine.h"

/* Working memory of one packet. */
struct fi_scratch {
	__u32 busy;
	__u32 pad;
	struct fi_pkt pkt;
	struct fi_win win;
	struct fi_question q;
};

/* Asks about the window in x->win and judges the answers; takes off up to three layers (PROXY headers). */
fi_inline int fi_look(struct fi_flow *f, int end, const struct fi_tuple *t, struct fi_scratch *x, __u32 readable)
{
	int outcome = FI_LOOK_DROP;

	for (int i = 0; i < 3; i++) {
		fi_describe(f, end, t, &x->win, &x->q);
		if (x->win.at + x->win.len > readable)
			x->win.len = readable > x->win.at ? readable - x->win.at : 0;
		if (t->l4 == FI_TCP)
			fi_ask_tcp(&x->q, &x->win);
		else
			fi_ask_udp(&x->q, &x->win);
		outcome = fi_judge(f, end, &x->q, &x->win);
		if (outcome != FI_LOOK_AGAIN)
			break;
		if (f->side[end & 1].skip >= f->side[end & 1].have)
			return FI_LOOK_KEEP; /* nothing behind the header yet */
	}
	return outcome;
}

/* Watching is of use: some protocol may take over from the top layer. */
fi_inline int fi_watched(const struct fi_flow *f)
{
	__u32 d = f->verdict.depth;
	__u16 top = d && d <= FI_LAYERS ? f->verdict.layer[d - 1] : 0;
	__u64 any = 0;

	if (f->state != FI_S_WATCH)
		return 1;
	if (top >= FI_P_MAX)
		return 0;
	for (int i = 0; i < FI_SET_WORDS; i++)
		any |= fi_then[top][i];
	return any != 0;
}

/* The payload of x->pkt, which tuple end `end` sent. t: the flow's tuple. */
fi_inline void fi_payload(void *ctx, struct fi_flow *f, int end, const struct fi_tuple *t, struct fi_scratch *x)
{
	struct fi_side *s = &f->side[end & 1];
	struct fi_pending *pend = 0;
	struct fi_plan plan = {};
	struct fi_pkt *p = &x->pkt;
	__u32 readable, n;

	s->payload_packets++;
	if (t->l4 != FI_TCP && t->l4 != FI_UDP) {
		f->state = FI_S_DONE;
		return;
	}
	if (!fi_looks(f, end))
		return;
	if (t->l4 == FI_TCP) {
		plan = fi_place(s, p->seq, p->payload_len);
	} else {
		s->have = p->payload_len;
		s->skip = 0;
		plan.n = p->payload_len < FI_WINDOW ? p->payload_len : FI_WINDOW;
	}
	if (!plan.n)
		return;
	if (!fi_watched(f)) {
		fi_next_window(s);
		fi_progress(f);
		return;
	}
	if (s->flags & FI_D_KEPT) {
		pend = FI_KEPT(ctx, t);
		if (pend)
			__builtin_memcpy(x->win.data, pend->end[end & 1].data, FI_WINDOW);
		else if (plan.dst) { /* what came before is gone: begin anew behind it */
			fi_next_window(s);
			return;
		}
	}
	n = p->payload_off + plan.src < p->cap_len ? p->cap_len - p->payload_off - plan.src : 0;
	if (n > plan.n)
		n = plan.n;
	readable = plan.dst + n;
	if (n == 0 || FI_LOAD(ctx, p->payload_off + plan.src, x->win.data + (plan.dst & (FI_WINDOW - 1)), n)) {
		FI_COUNT(FI_C_LOAD_FAILED);
		fi_next_window(s);
		return;
	}
	if (n < plan.n && t->l4 == FI_TCP && !plan.gap)
		s->have = readable; /* cut off by the capture: the rest is a hole */
	if (pend || plan.gap) {
		if (!pend)
			pend = FI_KEEP(ctx, t);
		if (pend) {
			struct fi_side *side = s;

			if (!(s->flags & FI_D_KEPT))
				pend->end[end & 1].lo = pend->end[end & 1].hi = 0;
			fi_join(side, &pend->end[end & 1].lo, &pend->end[end & 1].hi, &plan);
			if (s->have > readable)
				readable = s->have < FI_WINDOW ? s->have : FI_WINDOW;
		}
	}
	int outcome = plan.gap ? FI_LOOK_KEEP : fi_look(f, end, t, x, readable);

	if (outcome == FI_LOOK_KEEP) {
		int fresh = !(s->flags & FI_D_KEPT);

		if (!pend)
			pend = FI_KEEP(ctx, t);
		if (pend) {
			__builtin_memcpy(pend->end[end & 1].data, x->win.data, FI_WINDOW);
			if (fresh && !plan.gap)
				pend->end[end & 1].lo = pend->end[end & 1].hi = 0;
			s->flags |= FI_D_KEPT;
		} else {
			FI_COUNT(FI_C_PENDING_FULL);
			fi_next_window(s);
		}
	} else {
		s->flags &= ~FI_D_KEPT;
		if (pend && !(f->side[!(end & 1)].flags & FI_D_KEPT))
			FI_FORGET(ctx, t);
	}
	fi_progress(f);
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
