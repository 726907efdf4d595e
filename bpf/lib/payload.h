/* SPDX-License-Identifier: Apache-2.0 */
/* One payload packet through the engine: the same steps in every tap and in replay. No include guard: each tap
 * includes it with its own
 *   fi_payload                     name of the function made here
 *   FI_PAYLOAD_CTX                 type behind ctx
 *   FI_LOAD(ctx, off, dst, n)      copies n packet bytes (1..FI_WINDOW) to dst; 0, or not 0 on failure
 *   FI_KEEP(ctx, tuple)            struct fi_pending of this flow, made when missing; NULL when there is no room
 *   FI_KEPT(ctx, tuple)            the same, NULL when there is none
 *   FI_FORGET(ctx, tuple)          drops it
 *   FI_COUNT(cause)                bumps a counter */

/* The payload of x->pkt, which tuple end `end` sent. t: the flow's tuple. */
fi_inline void fi_payload(FI_PAYLOAD_CTX *ctx, struct fi_flow *f, int end, const struct fi_tuple *t, struct fi_scratch *x)
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
	if (!fi_looks(f, end)) {
		fi_progress(f);
		return;
	}
	if (t->l4 == FI_TCP) {
		plan = fi_place(s, p->seq, p->payload_len);
	} else {
		s->have = p->payload_len;
		s->skip = 0;
		plan.n = p->payload_len < FI_WINDOW ? p->payload_len : FI_WINDOW;
	}
	if (!plan.n)
		return;
	if (f->state == FI_S_WATCH && !fi_watched(f)) {
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
			if (!(s->flags & FI_D_KEPT))
				pend->end[end & 1].lo = pend->end[end & 1].hi = 0;
			fi_join(s, &pend->end[end & 1].lo, &pend->end[end & 1].hi, &plan);
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
