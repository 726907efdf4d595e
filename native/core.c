/* SPDX-License-Identifier: Apache-2.0 */
/* The one user-space translation unit of the C core; see core.h. */
#define FI_HOST 1
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* `#pragma unroll` is clang's, for the kernel build */
#pragma GCC diagnostic ignored "-Wunused-function" /* accessors that no signature of this build uses */
#pragma GCC diagnostic ignored "-Wcomment" /* a file pattern in a generated comment */

#include <string.h>

#include "core.h"

#include "../bpf/lib/parse.h"
#include "../bpf/lib/tuple.h"

static int load(struct fi_core *c, const struct fi_pkt *p, __u32 off, __u8 *dst, __u32 n)
{
	(void)c;
	memcpy(dst, p->hdr + off, n);
	return 0;
}

static struct fi_pending *keep(struct fi_core *c)
{
	if (!c->pending)
		c->pending = c->ops->keep(c->owner);
	return c->pending;
}

static void forget(struct fi_core *c)
{
	if (c->pending)
		c->ops->forget(c->owner);
	c->pending = 0;
}

#include "../bpf/lib/look.h"

#define FI_PAYLOAD_CTX struct fi_core
#define FI_LOAD(ctx, off, dst, n) load(ctx, &x->pkt, off, dst, n)
#define FI_KEEP(ctx, tuple) keep(ctx)
#define FI_KEPT(ctx, tuple) ((ctx)->pending)
#define FI_FORGET(ctx, tuple) forget(ctx)
#define FI_COUNT(cause) (ctx->counters[cause]++)
#include "../bpf/lib/payload.h"

int fi_core_parse(struct fi_pkt *p, const __u8 *frame, __u32 cap_len, __u32 wire_len, __u32 off, __u32 next, __u8 view)
{
	p->hdr = frame;
	p->cap_len = cap_len;
	p->hdr_len = cap_len < FI_HDR ? cap_len : FI_HDR; /* as far as the kernel looks */
	p->wire_len = wire_len < cap_len ? cap_len : wire_len;
	fi_parse_begin(p, next, view, 1);
	p->off = off;
	return fi_parse(p);
}

int fi_core_normalise(struct fi_tuple *t)
{
	return fi_normalise(t);
}

int fi_core_reused(const struct fi_flow *f, int end, const struct fi_pkt *p)
{
	return fi_reused(f, end, p);
}

void fi_core_tcp(struct fi_flow *f, int end, const struct fi_pkt *p)
{
	fi_flow_tcp(f, end, p->tcp_flags, p->seq);
}

void fi_core_first(struct fi_flow *f, int end)
{
	fi_set_source(f, end);
}

void fi_core_payload(struct fi_core *c, struct fi_flow *f, int end, const struct fi_tuple *t, const struct fi_pkt *p)
{
	struct fi_scratch x;

	if (f->state < FI_S_DONE && !fi_looks(f, end)) { /* the common case of a long flow: no copy of the packet */
		f->side[end & 1].payload_packets++;
		fi_progress(f);
		return;
	}
	x.packs = c->packs;
	x.pkt = *p;
	x.tuple = *t;
	fi_payload(c, f, end, &x);
}

int fi_core_looks(const struct fi_flow *f, int end)
{
	return fi_looks(f, end);
}

int fi_core_open(const struct fi_flow *f)
{
	return f->state == FI_S_PENDING || (f->state == FI_S_WATCH && fi_watched(f));
}

int fi_core_source(const struct fi_flow *f)
{
	return fi_source_end(f);
}

#undef FI_ASK
#define FI_ASK(name, id)                                                                           \
	do {                                                                                       \
		__u64 a_##name = fi_sig_##name(w);                                                 \
		if (a_##name) {                                                                    \
			pairs[2 * n] = id;                                                         \
			pairs[2 * n + 1] = a_##name;                                               \
			n++;                                                                       \
		}                                                                                  \
	} while (0)

int fi_core_ask_all(const struct fi_win *w, __u64 *pairs)
{
	int n = 0;

	_Static_assert(FI_P_MAX * 2 <= 2 * FI_CORE_ANSWERS, "answers fit");
	if (w->l4 == FI_TCP) {
		FI_ASK_TCP
	} else {
		FI_ASK_UDP
	}
	return n;
}

#undef FI_ASK
#define FI_ASK(name, p)                                                                            \
	do {                                                                                       \
		if (id == (p))                                                                     \
			return fi_sig_##name(w);                                                   \
	} while (0)

__u64 fi_core_ask(__u16 id, const struct fi_win *w)
{
	if (w->l4 == FI_TCP) {
		FI_ASK_TCP
	} else {
		FI_ASK_UDP
	}
	return FI_NO;
}

__u16 fi_core_top(const struct fi_win *w, __u64 *answer)
{
	struct fi_question q = { .all = 1 };

	if (w->l4 == FI_TCP)
		fi_ask_tcp(&q, w);
	else
		fi_ask_udp(&q, w);
	*answer = q.answer;
	return q.best;
}

__u32 fi_core_packs_size(void)
{
	return sizeof(struct fi_packs);
}

int fi_core_packs_read(struct fi_packs *p, const __u8 *rules, __u32 bytes)
{
	__u32 n = bytes / sizeof(p->rule[0]);

	if (bytes % sizeof(p->rule[0]) || n > FI_PACK_RULES)
		return 0;
	memcpy(p->rule, rules, bytes);
	p->n = n;
	for (__u32 i = 0; i < n; i++) {
		const struct fi_pack_rule *r = &p->rule[i];

		if (r->id < FI_PACK_FIRST || r->id >= FI_PACK_FIRST + FI_PACK_IDS || !r->n || r->n > FI_PACK_MATCHES ||
		    !r->grade || r->grade > FI_STRONG)
			return 0;
		for (__u32 k = 0; k < r->n; k++) {
			const struct fi_pack_match *m = &r->match[k];
			__u32 most = m->op == FI_PACK_LENGTH ? 4 : FI_PACK_BYTES;

			if (!m->op || m->op > FI_PACK_MINIMUM || m->n > most || m->off > FI_WINDOW || m->end > FI_WINDOW)
				return 0;
		}
	}
	return 1;
}

__u16 fi_core_packs_ask(const struct fi_packs *p, const struct fi_win *w)
{
	struct fi_question q = { .all = 1 };
	__u16 pack = fi_core_packs_match(p, w);

	if (!pack) /* most are not worth asking the signatures about */
		return 0;
	if (w->l4 == FI_TCP)
		fi_ask_tcp(&q, w);
	else
		fi_ask_udp(&q, w);
	return q.best ? 0 : pack;
}

__u16 fi_core_packs_match(const struct fi_packs *p, const struct fi_win *w)
{
	struct fi_question q = { .all = 1 };

	fi_ask_packs(&q, w, p);
	return q.best;
}

int fi_core_has_labels(__u16 id)
{
	return id < FI_P_MAX && fi_proto_labels[id];
}

int fi_core_labels(__u16 id, const struct fi_text *t, struct fi_labels *out)
{
	return fi_core_has_labels(id) ? fi_proto_labels[id](t, out) : 1;
}

__u16 fi_core_protocol(const char *name)
{
	for (__u16 i = 1; i < FI_P_MAX; i++)
		if (fi_proto_names[i] && !strcmp(fi_proto_names[i], name))
			return i;
	return 0;
}
