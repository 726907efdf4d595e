/* SPDX-License-Identifier: Apache-2.0 */
/* The classification core, built for user space: one C translation unit (core.c) behind these functions, so that
 * bpf/proto and bpf/lib are compiled as the C they are written in. Used by replay, the label assembler, the
 * addon's signature functions and the fuzzer. No state of its own: reentrant. */
#ifndef FI_CORE_H
#define FI_CORE_H

#ifndef FI_HOST
#define FI_HOST 1
#endif

#ifdef __cplusplus
#define _Static_assert static_assert
extern "C" {
#endif

#include "../bpf/connection.h"
#include "../bpf/labels.h"
#include "../bpf/lib/packet.h"

struct fi_packs;

/* What the engine asks of whoever owns the flows. `pending` of the flow at hand: kept, made and dropped by these. */
struct fi_core_ops {
	struct fi_pending *(*keep)(void *owner); /* NULL: no room */
	void (*forget)(void *owner);
};

/* One payload packet on its way through the engine. */
struct fi_core {
	const struct fi_core_ops *ops;
	void *owner; /* given back to ops */
	struct fi_pending *pending; /* of this flow, or NULL */
	__u64 *counters; /* FI_C_MAX cells */
	const struct fi_packs *packs; /* operator's protocols, or NULL */
};

/* Reads all headers. p->hdr is the frame; cap_len and wire_len its length in the capture and on the wire; `next`
 * (enum fi_next or an EtherType) what stands at `off`. 0 or -FI_C_*. */
int fi_core_parse(struct fi_pkt *p, const __u8 *frame, __u32 cap_len, __u32 wire_len, __u32 off, __u32 next, __u8 view);

/* Puts the lower (address, port) first; returns the end that sent the packet. */
int fi_core_normalise(struct fi_tuple *t);
/* A SYN that cannot belong to the connection this flow has seen: the tuple is used again. */
int fi_core_reused(const struct fi_flow *f, int end, const struct fi_pkt *p);
/* Handshake flags of one TCP packet of `end`. */
void fi_core_tcp(struct fi_flow *f, int end, const struct fi_pkt *p);
/* The flow's opener is `end`, as far as the first packet tells. */
void fi_core_first(struct fi_flow *f, int end);
/* Payload of one packet that tuple end `end` sent: updates windows and verdict. */
void fi_core_payload(struct fi_core *c, struct fi_flow *f, int end, const struct fi_tuple *t, const struct fi_pkt *p);
/* This end's payload is still looked at. */
int fi_core_looks(const struct fi_flow *f, int end);
/* Bytes to come may still change the stack. */
int fi_core_open(const struct fi_flow *f);
/* Tuple end that opened the flow. */
int fi_core_source(const struct fi_flow *f);

#define FI_CORE_ANSWERS 256 /* id and answer of up to 128 protocols */

/* Asks every signature of the window's transport; writes id, answer pairs that are not FI_NO; returns how many. */
int fi_core_ask_all(const struct fi_win *w, __u64 *pairs);
/* Asks one signature. FI_NO for an unknown id. */
__u64 fi_core_ask(__u16 id, const struct fi_win *w);
/* The best of all answers, as the engine would choose: protocol id, or 0. */
__u16 fi_core_top(const struct fi_win *w, __u64 *answer);

/* Size of struct fi_packs. */
__u32 fi_core_packs_size(void);
/* Fills p (of that size) with rules as src/packs/compile.ts writes them; 0 when they are not well formed. */
int fi_core_packs_read(struct fi_packs *p, const __u8 *rules, __u32 bytes);
/* Id of the pack that claims the window when no signature does; 0 = none. */
__u16 fi_core_packs_ask(const struct fi_packs *p, const struct fi_win *w);
/* Id of a pack that has a rule which these bytes satisfy, whatever signatures say; 0 = none. */
__u16 fi_core_packs_match(const struct fi_packs *p, const struct fi_win *w);

/* The protocol has a label extractor. */
int fi_core_has_labels(__u16 id);
/* Runs it: 1 when nothing more is to be had from this end. */
int fi_core_labels(__u16 id, const struct fi_text *t, struct fi_labels *out);
/* Id of a protocol by its public name; 0 = none. */
__u16 fi_core_protocol(const char *name);

#ifdef __cplusplus
}
#endif

#endif
