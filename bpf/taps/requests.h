/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of HTTP/1, DNS and Redis: packets of flows that speak them are told to the addon, with the time and the bytes in
 * which a message may begin. What lies inside a body is told by its length alone. Off (the default), nothing of this is
 * left in the loaded programs. */
#ifndef FI_TAP_REQUESTS_H
#define FI_TAP_REQUESTS_H

#include "tap.h"
#include "../requests.h"

const volatile __u32 fi_cfg_requests = 0;

/* Read by a thread of the addon every few milliseconds*. Full: FI_C_REQUEST_RING, and the reader finds its place again at the
 * next message. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} fi_requests SEC(".maps");

#define FI_REQUEST_HEAD __builtin_offsetof(struct fi_request_event, data)
/* Packets behind one that began a message whose bytes are told too: a head may be cut by segments. */
#define FI_REQUEST_MORE 2

fi_inline __u8 fi_request_kind(const struct fi_flow *f)
{
	__u16 top = fi_top(&f->verdict);

	return top == FI_P_HTTP1 ? FI_RQ_HTTP1 : top == FI_P_DNS ? FI_RQ_DNS : top == FI_P_REDIS ? FI_RQ_REDIS : FI_RQ_NONE;
}

/* A packet with payload of a flow in storage `ss` (its short way), or on the long way (0), where all small packets are told whole. */
FI_SUB void fi_request_packet(struct __sk_buff *skb, const struct fi_flow *f, struct fi_socket *ss, int egress)
{
	struct {
		__u8 b[20];
	} h;
	struct fi_request_event *e;
	__u32 off, len, n, seq = 0, ack = 0;
	__u8 kind = fi_request_kind(f), l4;
	int opener = egress == !(f->flags & FI_F_FLIP); /* end 0 is the local socket, and the opener unless flipped */

	if (!kind || bpf_skb_load_bytes(skb, 0, &h, 20))
		return;
	if (h.b[0] >> 4 == 4) {
		l4 = h.b[9];
		off = (h.b[0] & 15) * 4;
		if (h.b[6] & 0x3f || h.b[7]) /* a fragment */
			return;
	} else {
		l4 = h.b[6];
		off = 40;
	}
	if (l4 == FI_TCP && kind != FI_RQ_DNS) {
		if (bpf_skb_load_bytes(skb, off, &h, 20))
			return;
		seq = (__u32)h.b[4] << 24 | h.b[5] << 16 | h.b[6] << 8 | h.b[7];
		ack = (__u32)h.b[8] << 24 | h.b[9] << 16 | h.b[10] << 8 | h.b[11];
		off += (h.b[12] >> 4) * 4;
	} else if (l4 == FI_UDP && kind == FI_RQ_DNS) {
		off += 8;
	} else {
		return;
	}
	if (skb->len <= off)
		return;
	len = skb->len - off;
	n = kind == FI_RQ_REDIS || len <= FI_WINDOW || (!ss && len <= 2048) ? len : 0; /* Redis: messages begin anywhere */
	/* A method or a status line begins with capital letters. */
	if (len >= 4 && bpf_skb_load_bytes(skb, off, &h, 4) == 0 && (__u8)(h.b[0] - 'A') < 26 && (__u8)(h.b[1] - 'A') < 26 &&
	    (__u8)(h.b[2] - 'A') < 26) {
		n = len;
		if (ss)
			ss->more[egress & 1] = FI_REQUEST_MORE;
	} else if (ss && ss->more[egress & 1]) {
		ss->more[egress & 1]--;
		n = len;
	}
	if (n > FI_REQUEST_DATA)
		n = FI_REQUEST_DATA;
	if (n > 2048)
		e = bpf_ringbuf_reserve(&fi_requests, FI_REQUEST_HEAD + FI_REQUEST_DATA, 0);
	else if (n > 512)
		e = bpf_ringbuf_reserve(&fi_requests, FI_REQUEST_HEAD + 2048, 0);
	else if (n)
		e = bpf_ringbuf_reserve(&fi_requests, FI_REQUEST_HEAD + 512, 0);
	else
		e = bpf_ringbuf_reserve(&fi_requests, FI_REQUEST_HEAD, 0);
	if (!e) {
		FI_COUNT(FI_C_REQUEST_RING);
		return;
	}
	e->flow = f->id;
	e->now_ns = bpf_ktime_get_ns();
	e->seq = seq;
	e->ack = ack;
	e->len = len;
	e->agg = f->agg;
	e->kind = kind;
	e->flags = opener ? FI_RQ_OPENER : 0;
	e->kept = n;
	e->pad = 0;
	__builtin_memset(e->tail, 0, sizeof(e->tail));
	long err = len < FI_REQUEST_TAIL ? 0 : bpf_skb_load_bytes(skb, off + len - FI_REQUEST_TAIL, e->tail, FI_REQUEST_TAIL);

	if (n > 2048)
		err |= bpf_skb_load_bytes(skb, off, e->data, ((n - 1) & (FI_REQUEST_DATA - 1)) + 1);
	else if (n > 512)
		err |= bpf_skb_load_bytes(skb, off, e->data, ((n - 1) & 2047) + 1);
	else if (n)
		err |= bpf_skb_load_bytes(skb, off, e->data, ((n - 1) & 511) + 1);
	if (err)
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* The flow is over: a body that ends with it is whole, a request without an answer gets none. */
fi_inline void fi_request_end(const struct fi_flow *f)
{
	struct fi_request_event *e;
	__u8 kind = fi_request_kind(f);

	if (!fi_cfg_requests || (kind != FI_RQ_HTTP1 && kind != FI_RQ_REDIS))
		return;
	e = bpf_ringbuf_reserve(&fi_requests, FI_REQUEST_HEAD, 0);
	if (!e) {
		FI_COUNT(FI_C_REQUEST_RING);
		return;
	}
	__builtin_memset(e, 0, FI_REQUEST_HEAD);
	e->flow = f->id;
	e->now_ns = bpf_ktime_get_ns();
	e->agg = f->agg;
	e->kind = kind;
	e->flags = FI_RQ_END;
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

#endif
