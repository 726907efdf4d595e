/* SPDX-License-Identifier: Apache-2.0 */
/* Socket view: every IP packet of every local socket, at the cgroup v2 root, once per end.
 * A TCP flow that is decided costs one socket-storage read and the counters: no header is parsed. */
#ifndef FI_TAP_SOCKET_H
#define FI_TAP_SOCKET_H

#include "requests.h"
#include "socket_rules.h"

#undef FI_LOAD
#undef FI_KEEP
#undef FI_KEPT
#undef FI_FORGET

/* Segments of an offloaded packet, and the bytes they have on the wire: each repeats the headers. */
fi_inline __u32 fi_segments(struct __sk_buff *skb, __u64 *bytes)
{
	__u32 n = skb->gso_segs, headers = 40;
	__u8 b = 0;

	*bytes = skb->len;
	if (n <= 1)
		return 1;
	if (bpf_skb_load_bytes(skb, 0, &b, 1))
		return n;
	if (b >> 4 == 6) {
		headers = bpf_skb_load_bytes(skb, 52, &b, 1) ? 60 : 40 + (b >> 4) * 4;
	} else {
		__u32 ihl = (b & 15) * 4;

		headers = bpf_skb_load_bytes(skb, ihl + 12, &b, 1) ? ihl + 20 : ihl + (b >> 4) * 4;
	}
	*bytes += (__u64)(n - 1) * headers;
	return n;
}

/* The packet's flow among those that have no socket of their own yet (a listener's handshakes) or share one
 * (unconnected UDP). */
fi_inline struct fi_flow *fi_shared_flow(struct fi_scratch *x, int end, __u64 now)
{
	struct fi_flow *f = bpf_map_lookup_elem(&fi_flows, &x->tuple);

	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &x->tuple);
	if (f)
		return f;
	fi_flow_begin(&x->fresh, end, fi_new_id(), now, &x->pkt, 0);
	return fi_flow_enter(x);
}

struct fi_socket_ctx {
	struct __sk_buff *skb;
	struct bpf_sock *sk;
	int own; /* the flow lives in the socket's storage, so do its first bytes */
};

fi_inline struct fi_pending *fi_socket_keep(struct fi_socket_ctx *c, const struct fi_tuple *t, int create)
{
	if (c->own)
		return bpf_sk_storage_get(&fi_socket_pending, c->sk, 0, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	struct fi_pending *pend = bpf_map_lookup_elem(&fi_pending, t);

	if (pend || !create)
		return pend;
	__u32 zero = 0;
	struct fi_pending *blank = bpf_map_lookup_elem(&fi_zero_pending, &zero);

	if (!blank)
		return 0;
	bpf_map_update_elem(&fi_pending, t, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&fi_pending, t);
}

#define FI_LOAD(ctx, off, dst, n) bpf_skb_load_bytes((ctx)->skb, off, dst, (((n) - 1) & (FI_WINDOW - 1)) + 1)
#define FI_KEEP(ctx, t) fi_socket_keep(ctx, t, 1)
#define FI_KEPT(ctx, t) fi_socket_keep(ctx, t, 0)
#define FI_FORGET(ctx, t)                                                                          \
	((ctx)->own ? bpf_sk_storage_delete(&fi_socket_pending, (ctx)->sk) : bpf_map_delete_elem(&fi_pending, t))
#define fi_payload fi_payload_socket
#define FI_PAYLOAD_CTX struct fi_socket_ctx
#include "../lib/payload.h"
#undef fi_payload
#undef FI_PAYLOAD_CTX

/* What the parts of a packet's way hand on: pointers, which may not be stored in a map. */
struct fi_socket_way {
	struct fi_socket_ctx c;
	struct fi_flow *f;
	struct fi_owner *o;
};

/* Headers, owner, flow. 0 when there is none. */
FI_SUB int fi_socket_find(struct fi_socket_way *way, struct fi_scratch *x, int egress, __u32 packets)
{
	struct __sk_buff *skb = way->c.skb;
	struct bpf_sock *sk = way->c.sk;
	struct fi_tuple *t = &x->tuple;
	struct fi_owner *o;
	struct fi_flow *f = 0;
	int err = fi_read_headers(skb, 0, &x->pkt, skb->len, FI_NEXT_IP, FI_VIEW_SOCKET, 0);
	int end = !egress; /* end 0 is the local socket */
	__u64 now;

	if (!err && x->pkt.part != FI_PART_WHOLE)
		err = fi_fragment(&x->pkt);
	if (err) {
		fi_count_n(-err, packets);
		return 0;
	}
	o = bpf_sk_storage_get(&fi_owners, sk, 0, 0);
	now = bpf_ktime_get_ns();
	*t = x->pkt.tuple;
	t->zone = o ? o->netns : 0;
	if (!egress)
		fi_swap(t);
	if (!o)
		FI_COUNT(FI_C_OWNER_MISSING);
	if (!(t->l4 == FI_TCP && sk->state == TCP_LISTEN)) {
		struct fi_socket *ss = bpf_sk_storage_get(&fi_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

		if (ss && !ss->flow.first_ns) {
			struct fi_flow *early = t->l4 == FI_TCP ? bpf_map_lookup_elem(&fi_new, t) : 0;

			ss->tuple = *t;
			if (early && !(early->flags & FI_F_CLOSED)) { /* the listener's part of the handshake */
				ss->flow = *early;
				if (bpf_map_delete_elem(&fi_new, t) == 0)
					FI_COUNT(FI_C_TABLE_OUT);
			} else {
				fi_flow_begin(&ss->flow, end, 0, now, &x->pkt, 0);
			}
			ss->flow.id = bpf_get_socket_cookie(skb);
		}
		if (ss && (t->l4 == FI_TCP || fi_same(&ss->tuple, t))) {
			f = &ss->flow;
			way->c.own = 1;
		}
	}
	if (!f)
		f = fi_shared_flow(x, end, now);
	if (!f) {
		fi_count_n(FI_C_TABLE_FULL, packets);
		return 0;
	}
	way->f = f;
	way->o = o;
	x->before = f->verdict;
	x->segments = packets;
	x->end = end;
	f->last_ns = now;
	return 1;
}

/* 1 = the flow's payload is to be looked at. */
FI_SUB int fi_socket_count(struct fi_flow *f, const struct fi_scratch *x, int egress, __u64 bytes)
{
	if (!f || !x)
		return 0;
	fi_flow_count(f, !egress, !egress, x->segments, bytes);
	if (x->tuple.l4 == FI_TCP)
		fi_flow_tcp(f, !egress, x->pkt.tcp_flags, x->pkt.seq);
	return x->pkt.payload_len != 0;
}

/* First packet, or one that may change what is known of the flow: parse, look, tell. 1 = a rule drops it. */
fi_inline int fi_socket_slow(struct __sk_buff *skb, struct bpf_sock *sk, int egress, __u32 packets, __u64 bytes)
{
	struct fi_scratch *x = fi_scratch_take();
	struct fi_socket_way way = { .c = { .skb = skb, .sk = sk } };
	struct fi_flow *f;
	int drop = 0;

	if (!x) {
		fi_count_n(FI_C_BUSY, packets);
		return 0;
	}
	if (fi_socket_find(&way, x, egress, packets) && (f = way.f) &&
	    !(drop = f->side[0].ruled && !(way.c.own && fi_connected(sk)) && fi_socket_ruled(x, f, egress)) &&
	    fi_socket_count(f, x, egress, bytes)) {
		__u8 state = f->state;

		/* what is judged by protocol must be known, however busy the CPU is */
		if (f->state < FI_S_DONE && !fi_rules_generation() && fi_budget_spent(f, &x->tuple)) {
			bpf_sk_storage_delete(&fi_socket_pending, sk);
			fi_aggregate(f, &x->tuple, way.o);
		} else {
			fi_payload_socket(&way.c, f, !egress, x);
			if (fi_cfg_samples && fi_sampled(f, !egress))
				fi_emit_sample(skb, !egress, x, f, way.o);
			fi_settle(f, x, way.o, state);
		}
		if (fi_cfg_requests)
			fi_request_packet(skb, f, 0, egress);
	}
	fi_scratch_give(x);
	return drop;
}

/* A TCP packet without payload (an acknowledgement, a handshake, an end) tells nothing to classify: its flags are taken,
 * it is counted. 0 = take the long way. */
FI_SUB int fi_socket_bare(struct __sk_buff *skb, struct fi_flow *f, int egress, __u64 bytes)
{
	const __u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end, *l4 = data;
	__u32 size;

	if (data + 40 > end)
		return 0;
	if (data[0] == 0x45 && data[9] == FI_TCP) {
		if (data[6] & 0x3f || data[7]) /* a fragment */
			return 0;
		size = data[2] << 8 | data[3];
		l4 = data + 20;
	} else if (data[0] >> 4 == 6 && data[6] == FI_TCP) {
		size = 40 + (data[4] << 8 | data[5]);
		l4 = data + 40;
	} else {
		return 0;
	}
	if (l4 + 20 > end || size != bytes || size != (l4 - data) + (l4[12] >> 4) * 4u || l4[12] >> 4 < 5)
		return 0;
	f->last_ns = fi_now();
	fi_flow_count(f, !egress, !egress, 1, bytes);
	fi_flow_tcp(f, !egress, l4[13], (__u32)l4[4] << 24 | l4[5] << 16 | l4[6] << 8 | l4[7]);
	return 1;
}

fi_inline int fi_socket_tap(struct __sk_buff *skb, int egress)
{
	struct bpf_sock *sk = skb->sk;
	__u64 bytes;
	__u32 packets = fi_segments(skb, &bytes);

	fi_count_n(egress ? FI_C_SOCKET_TX : FI_C_SOCKET_RX, packets);
	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (!sk) {
		fi_count_n(FI_C_NO_SOCKET, packets);
		return 1;
	}
	struct fi_socket *ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);

	if (ss && ss->flow.side[0].ruled && fi_connected(sk) && fi_socket_ruled_alone(ss, egress, packets, bytes))
		return 0;
	if (ss && ss->flow.state == FI_S_DONE && fi_connected(sk)) {
		ss->flow.last_ns = fi_now();
		fi_flow_count(&ss->flow, !egress, !egress, packets, bytes);
		if (fi_cfg_requests)
			fi_request_packet(skb, &ss->flow, ss, egress);
	} else if (!ss || !ss->flow.first_ns || sk->protocol != FI_TCP || packets != 1 ||
		   !fi_socket_bare(skb, &ss->flow, egress, bytes)) {
		return !fi_socket_slow(skb, sk, egress, packets, bytes);
	}
	return 1;
}

SEC("cgroup_skb/ingress")
int fi_cgroup_ingress(struct __sk_buff *skb)
{
	return fi_socket_tap(skb, 0);
}

SEC("cgroup_skb/egress")
int fi_cgroup_egress(struct __sk_buff *skb)
{
	return fi_socket_tap(skb, 1);
}

#endif
