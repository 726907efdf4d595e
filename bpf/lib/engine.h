/* SPDX-License-Identifier: Apache-2.0 */
/* From packets to a verdict: keeps each end's window of stream bytes, asks the signatures, combines both
 * ends. Pure state machine over struct fi_flow; taps load the bytes and store the state. One packet:
 *
 *   fi_flow_tcp     handshake flags: where the stream begins, who opened it, whether it is over
 *   fi_place        which of the packet's payload bytes go where in the window
 *   (tap)           loads them into the window, behind the bytes kept in fi_pending
 *   fi_look         asks the signatures, updates the verdict; says whether to keep the window
 *
 * Budgets, per end: FI_TRIES windows of at most FI_WINDOW bytes until a flow is given up as unknown (eight
 * packets cover every greeting and mid-stream join in the captures at hand; what is not known by then never
 * was); after a verdict, FI_WATCH stream bytes are watched for a transition. After FI_PACKETS payload packets, or
 * FI_ONE_WAY from an end whose peer is silent, packets are only counted, whatever is still open. */
#ifndef FI_ENGINE_H
#define FI_ENGINE_H

#include "ask.h"
#include "packet.h"
#include "window.h"

#define FI_TRIES 8
#define FI_WATCH 6144
#define FI_PACKETS 512
#define FI_ONE_WAY 64

/* Puts the end's best answer and what lies below it on the stack, on top of the fixed layers. */
fi_inline void fi_stack(struct fi_flow *f, int end, __u8 confidence)
{
	struct fi_verdict *v = &f->verdict;
	const struct fi_side *s = &f->side[end & 1];
	__u32 d = v->fixed, old_depth = v->depth;
	__u16 old_top = fi_top(v);

	if (s->over && d < FI_LAYERS - 1)
		v->layer[fi_index(d++, FI_LAYERS)] = s->over;
	if (d < FI_LAYERS)
		v->layer[fi_index(d++, FI_LAYERS)] = s->best;
	v->depth = d;
	v->named = d - 1;
	v->confidence = confidence;
	v->sig = s->sig;
	v->end = end;
	v->offset = s->offset;
	v->packet = s->packet;
	if (old_depth > v->fixed && old_top != s->best && s->over != old_top && v->revisions < 255)
		v->revisions++;
}

fi_inline void fi_unstack(struct fi_flow *f)
{
	struct fi_verdict *v = &f->verdict;

	if (v->depth > v->fixed && v->revisions < 255)
		v->revisions++; /* withdrawn */
	v->depth = v->fixed;
	v->named = v->fixed ? v->fixed - 1 : 0;
	v->confidence = v->fixed ? FI_PROBABLE : FI_UNKNOWN;
}

/* Combines what both ends' bytes say. The same protocol from both, or one naming the other as its lower layer, is
 * confirmed. On a conflict the higher grade wins, then the end that listens: its protocol is what the service speaks,
 * whatever a client tries on it. */
fi_inline void fi_decide(struct fi_flow *f)
{
	const struct fi_side *a = &f->side[0], *b = &f->side[1];
	int server = !fi_source_end(f);

	if (!a->best && !b->best) {
		fi_unstack(f);
	} else if (!a->best || !b->best) {
		int end = a->best ? 0 : 1;

		if (f->side[end].grade >= FI_FAIR)
			fi_stack(f, end, FI_PROBABLE);
		else
			fi_unstack(f);
	} else if (a->best == b->best) {
		fi_stack(f, b->grade > a->grade, a->grade + b->grade > 2 * FI_WEAK ? FI_CONFIRMED : FI_PROBABLE);
	} else if (a->over == b->best && a->grade >= FI_FAIR) {
		fi_stack(f, 0, FI_CONFIRMED);
	} else if (b->over == a->best && b->grade >= FI_FAIR) {
		fi_stack(f, 1, FI_CONFIRMED);
	} else {
		int end = a->grade != b->grade ? b->grade > a->grade : server;

		if (f->verdict.conflicts < 255)
			f->verdict.conflicts++;
		if (f->side[end].grade >= FI_FAIR && (a->grade != b->grade || f->flags & (FI_F_OPENED | FI_F_EVIDENCE)))
			fi_stack(f, end, FI_PROBABLE);
		else
			fi_unstack(f);
	}
}

/* Both ends have said what they can: from now on transitions and labels only, or nothing. */
fi_inline void fi_finish(struct fi_flow *f)
{
	f->state = f->verdict.depth ? FI_S_WATCH : FI_S_DONE;
	for (int i = 0; i < 2; i++) {
		struct fi_side *s = &f->side[i];

		s->flags &= ~FI_D_SETTLED;
		s->tries = 0;
		if (s->have)
			fi_next_window(s);
	}
}

/* A protocol took over from the top layer (STARTTLS, Upgrade, CONNECT, a tunnel). An upgrade that names the top layer
 * as the one below it renames the flow; what is merely carried inside does not. */
fi_inline void fi_push(struct fi_flow *f, int end, const struct fi_question *q, __u16 top)
{
	struct fi_verdict *v = &f->verdict;
	struct fi_side *s = &f->side[end & 1];
	__u32 d = v->depth;
	__u16 over = FI_ANSWER_OVER(q->answer);

	if (over && over != top && d < FI_LAYERS - 1)
		v->layer[fi_index(d++, FI_LAYERS)] = over;
	if (d < FI_LAYERS) {
		v->layer[fi_index(d++, FI_LAYERS)] = q->best;
		if (over == top)
			v->named = d - 1;
	}
	v->depth = v->fixed = d;
	v->sig = FI_ANSWER_SIG(q->answer);
	v->end = end;
	v->offset = FI_ANSWER_OFF(q->answer);
	v->packet = s->payload_packets;
	if (v->revisions < 255)
		v->revisions++;
}

enum fi_outcome {
	FI_LOOK_DROP = 0, /* window no longer needed */
	FI_LOOK_KEEP = 1, /* keep the window for the next packet */
	FI_LOOK_AGAIN = 2, /* a layer was taken off: look at the rest of the same window */
};

/* One window of `end`, after q was asked. */
FI_SUB enum fi_outcome fi_judge(struct fi_flow *f, int end, const struct fi_question *q, const struct fi_win *w)
{
	struct fi_side *s = &f->side[end & 1];
	int full = w->whole || s->have >= FI_WINDOW, settled = fi_settled(q) || full;
	int grown = s->flags & FI_D_KEPT && !s->tries; /* the very window that the answer so far is from */

	if (f->state == FI_S_WATCH) {
		__u16 top = fi_top(&f->verdict);

		if (q->best && q->best == top) /* the end that was silent speaks it as well */
			f->verdict.confidence = FI_CONFIRMED;
		if (q->best && q->best != top && FI_ANSWER_GRADE(q->answer) >= FI_FAIR)
			fi_push(f, end, q, top);
		else if (!settled)
			return FI_LOOK_KEEP;
		fi_next_window(s);
		return FI_LOOK_DROP;
	}
	/* A window that grew answers anew; a later one must say more than what is known. */
	if (q->best && (grown || !s->best || q->score > s->grade * 2 + (s->best == f->side[!(end & 1)].best))) {
		s->best = q->best;
		s->grade = FI_ANSWER_GRADE(q->answer);
		s->sig = FI_ANSWER_SIG(q->answer);
		s->offset = FI_ANSWER_OFF(q->answer);
		s->over = FI_ANSWER_OVER(q->answer);
		s->packet = s->payload_packets;
		if (!(f->flags & FI_F_OPENED) && FI_ANSWER_WHO(q->answer)) {
			fi_set_source(f, FI_ANSWER_WHO(q->answer) == FI_CLIENT ? end : !end);
			f->flags |= FI_F_EVIDENCE;
		}
		if (settled && FI_ANSWER_SKIP(q->answer) && f->verdict.fixed < FI_LAYERS - 1) {
			__u32 d = f->verdict.fixed;

			fi_stack(f, end, FI_PROBABLE);
			f->verdict.fixed = f->verdict.depth;
			s->skip += FI_ANSWER_SKIP(q->answer);
			s->best = s->over = 0;
			s->grade = 0;
			return d < FI_LAYERS && s->skip < FI_WINDOW ? FI_LOOK_AGAIN : FI_LOOK_DROP;
		}
	} else if (!q->best && !q->more && s->best && grown) {
		s->best = 0; /* the longer window contradicts what the shorter one said */
		s->grade = 0;
		if (f->verdict.conflicts < 255)
			f->verdict.conflicts++;
	}
	fi_decide(f);
	if (!settled)
		return FI_LOOK_KEEP;
	if (s->best && s->best == f->side[!(end & 1)].best) /* both ends agree */
		f->side[!(end & 1)].flags |= FI_D_SETTLED, s->flags |= FI_D_SETTLED;
	else if (s->grade >= FI_FAIR || ++s->tries >= FI_TRIES)
		s->flags |= FI_D_SETTLED;
	else
		fi_next_window(s);
	return FI_LOOK_DROP;
}

/* Watching is of use: some protocol may take over from the top layer. */
fi_inline int fi_watched(const struct fi_flow *f)
{
	__u32 top = fi_index(fi_top(&f->verdict), FI_P_MAX);
	__u64 any = 0;

	for (int i = 0; i < FI_SET_WORDS; i++)
		any |= fi_then[top][i];
	return any != 0;
}

/* Only this end of a UDP flow has spoken, its bytes leave no doubt, and another protocol may follow (a STUN check, then
 * media): it is not held up by a peer that may stay silent. (TCP's peer at least acknowledges, and mostly answers.) */
fi_inline int fi_alone(const struct fi_side *s, __u32 peer_packets)
{
	return !peer_packets && !(s->flags & FI_D_BASED) && s->flags & FI_D_SETTLED && s->grade >= FI_STRONG && s->payload_packets > 1;
}

/* After each payload packet: is there anything left to learn? Ends do not wait for each other for ever: what only one
 * end sends (a log stream, an upload) is decided by that end alone. */
FI_SUB void fi_progress(struct fi_flow *f)
{
	const struct fi_side *a = &f->side[0], *b = &f->side[1];
	__u32 na = a->payload_packets, nb = b->payload_packets, least = na < nb ? na : nb;
	int tired = na + nb > FI_PACKETS, lone = !least && na + nb > FI_ONE_WAY;

	if (f->state == FI_S_PENDING) {
		/* packets of a few bytes: what is kept of them still grows, up to a window */
		if (tired || (lone && !((a->flags | b->flags) & FI_D_KEPT)) || a->flags & b->flags & FI_D_SETTLED ||
		    ((fi_alone(a, nb) || fi_alone(b, na)) && fi_watched(f)))
			fi_finish(f);
	} else if (f->state == FI_S_WATCH) {
		int seen = fi_watched(f) ? (a->from > FI_WATCH && b->from > FI_WATCH) || (lone && a->from + b->from > FI_WATCH) :
					   lone || least > FI_TRIES;

		if (tired || seen)
			f->state = FI_S_DONE;
	}
}

/* Is this end's payload worth loading at all? */
fi_inline int fi_looks(const struct fi_flow *f, int end)
{
	const struct fi_side *s = &f->side[end & 1];

	if (f->state == FI_S_DONE)
		return 0;
	if (f->state == FI_S_WATCH)
		return s->from <= FI_WATCH;
	return !(s->flags & FI_D_SETTLED);
}

/* Fills the window's description and the question; the bytes are in w->data already. */
FI_SUB void fi_describe(const struct fi_flow *f, int end, const struct fi_tuple *t, struct fi_win *w, struct fi_question *q)
{
	const struct fi_side *s = &f->side[end & 1];
	const struct fi_side *o = &f->side[!(end & 1)];
	__u32 have = s->have < FI_WINDOW ? s->have : FI_WINDOW;
	__u16 top = fi_top(&f->verdict), below = fi_layer(&f->verdict, f->verdict.fixed);

	w->at = s->skip;
	w->len = have > s->skip ? have - s->skip : 0;
	w->total = s->have > s->skip ? s->have - s->skip : 0;
	w->l4 = t->l4;
	w->whole = t->l4 == FI_UDP;
	w->start = w->whole || !(s->flags & FI_D_MID);
	w->from = f->flags & FI_F_OPENED ? (end == fi_source_end(f) ? FI_CLIENT : FI_SERVER) : FI_EITHER;
	w->sport_be = end & 1 ? t->port_be[1] : t->port_be[0];
	w->dport_be = end & 1 ? t->port_be[0] : t->port_be[1];
	w->below = f->state == FI_S_WATCH ? top : below;
	q->answer = 0;
	q->prefer = o->best;
	q->best = 0;
	q->score = 0;
	q->more = 0;
	q->more_first = 0;
	q->all = f->state == FI_S_PENDING;
	for (int i = 0; i < FI_SET_WORDS; i++)
		q->want[i] = fi_then[fi_index(top, FI_P_MAX)][i];
	if (f->state == FI_S_WATCH && f->verdict.confidence == FI_PROBABLE && end != f->verdict.end)
		q->want[fi_index(top >> 6, FI_SET_WORDS)] |= 1ull << (top & 63);
}

#endif
