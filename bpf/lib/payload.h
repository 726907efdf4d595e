/* SPDX-License-Identifier: Apache-2.0 */
/* One payload packet through the engine: the same steps in every tap and in replay. No include guard: each tap
 * includes it with its own
 *   fi_payload                     name of the function made here
 *   FI_PHASE(fi_payload, part)     names of its parts
 *   FI_PAYLOAD_CTX                 type behind ctx
 *   FI_LOAD(ctx, off, dst, n)      copies n packet bytes (1..FI_WINDOW) to dst; 0, or not 0 on failure
 *   FI_KEEP(ctx, tuple)            struct fi_pending of this flow, made when missing; NULL when there is no room
 *   FI_KEPT(ctx, tuple)            the same, NULL when there is none
 *   FI_FORGET(ctx, tuple)          drops it
 *   FI_COUNT(cause)                bumps a counter */

/* Puts the packet's payload into the window. Returns how many window bytes can be read (then look), or 0. */
FI_SUB __u32 FI_PHASE(fi_payload, _load)(FI_PAYLOAD_CTX *ctx, struct fi_flow *f, int end, struct fi_scratch *x)
{
	struct fi_side *s = &f->side[end & 1];
	const struct fi_tuple *t = &x->tuple;
	struct fi_pending *pend = 0;
	struct fi_plan *plan = &x->plan;
	struct fi_pkt *p = &x->pkt;
	__u32 readable, n;

	if (t->l4 == FI_TCP) {
		*plan = fi_place(s, fi_payload_seq(p), p->payload_len);
	} else {
		s->have = p->payload_len;
		s->skip = 0;
		plan->src = plan->dst = plan->gap = 0;
		plan->n = p->payload_len < FI_WINDOW ? p->payload_len : FI_WINDOW;
	}
	if (!plan->n)
		return 0;
	if (f->state == FI_S_WATCH && !fi_watched(f)) {
		fi_next_window(s);
		return 0;
	}
	if (s->flags & FI_D_KEPT) {
		pend = FI_KEPT(ctx, t);
		if (pend) {
			__builtin_memcpy(x->win.data, pend->end[end & 1].data, FI_WINDOW);
		} else if (plan->dst) { /* what came before is gone: begin anew behind it */
			fi_next_window(s);
			return 0;
		}
	}
	n = p->payload_off + plan->src < p->cap_len ? p->cap_len - p->payload_off - plan->src : 0;
	if (n > plan->n)
		n = plan->n;
	readable = plan->dst + n;
	if (n == 0 || FI_LOAD(ctx, p->payload_off + plan->src, x->win.data + (plan->dst & (FI_WINDOW - 1)), n)) {
		FI_COUNT(FI_C_LOAD_FAILED);
		fi_next_window(s);
		return 0;
	}
	if (n < plan->n && t->l4 == FI_TCP && !plan->gap)
		s->have = readable; /* cut off by the capture: the rest is a hole */
	if (pend || plan->gap) {
		if (!pend)
			pend = FI_KEEP(ctx, t);
		if (pend) {
			if (!(s->flags & FI_D_KEPT))
				pend->end[end & 1].lo = pend->end[end & 1].hi = 0;
			fi_join(s, &pend->end[end & 1].lo, &pend->end[end & 1].hi, plan);
			if (s->have > readable)
				readable = s->have < FI_WINDOW ? s->have : FI_WINDOW;
		}
	}
	return readable;
}

/* After the look: keeps the window for the next packet, or lets it go. */
FI_SUB void FI_PHASE(fi_payload, _keep)(FI_PAYLOAD_CTX *ctx, struct fi_flow *f, int end, struct fi_scratch *x, int outcome)
{
	struct fi_side *s = &f->side[end & 1];
	struct fi_pending *pend;

	if (outcome == FI_LOOK_KEEP) {
		pend = FI_KEEP(ctx, &x->tuple);
		if (pend) {
			__builtin_memcpy(pend->end[end & 1].data, x->win.data, FI_WINDOW);
			if (!(s->flags & FI_D_KEPT) && !x->plan.gap)
				pend->end[end & 1].lo = pend->end[end & 1].hi = 0;
			s->flags |= FI_D_KEPT;
		} else {
			FI_COUNT(FI_C_PENDING_FULL);
			fi_next_window(s);
		}
	} else {
		int kept = s->flags & FI_D_KEPT;

		s->flags &= ~FI_D_KEPT;
		if (kept && !(f->side[!(end & 1)].flags & FI_D_KEPT))
			FI_FORGET(ctx, &x->tuple);
	}
}

/* The payload of x->pkt, which end `end` of x->tuple sent. The parts are subprograms of their own, so that their stack is
 * not added to that of the signatures. */
fi_inline void fi_payload(FI_PAYLOAD_CTX *ctx, struct fi_flow *f, int end, struct fi_scratch *x)
{
	__u32 readable;

	if (f->state >= FI_S_DONE) /* only counted from now on */
		return;
	f->side[end & 1].payload_packets++;
	if (x->tuple.l4 != FI_TCP && x->tuple.l4 != FI_UDP) {
		f->state = FI_S_DONE;
		return;
	}
	if (fi_looks(f, end)) {
		readable = FI_PHASE(fi_payload, _load)(ctx, f, end, x);
		if (readable)
			FI_PHASE(fi_payload, _keep)(ctx, f, end, x, x->plan.gap ? FI_LOOK_KEEP : fi_look(f, end, x, readable));
	}
	fi_progress(f);
}
