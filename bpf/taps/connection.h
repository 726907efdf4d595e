/* SPDX-License-Identifier: Apache-2.0 */
/* How the TCP connections of a service fare: errors, retransmissions, round trip, time to connect. Hooks that run once or
 * twice a connection or when something is lost; nothing of it is on the way of a packet. */
#ifndef FI_TAP_CONNECTION_H
#define FI_TAP_CONNECTION_H

#include "tap.h"
#include "../connection.h"

/* By slot of fi_agg; written here, read by the scrape. Room is taken when a slot's first connection ends; as large as
 * fi_agg*, so it is never full before that is. */
FI_MAP(fi_conns, BPF_MAP_TYPE_HASH, 16384, __u32, struct fi_conn, BPF_F_NO_PREALLOC);
/* All zero: what a new entry starts from (too large for the stack beside its caller). */
FI_MAP(fi_zero_conn, BPF_MAP_TYPE_ARRAY, 1, __u32, struct fi_conn, 0);

/* Values of asm-generic/errno.h, the same on every architecture that BPF programs are built for here. */
#define FI_ENETDOWN 100
#define FI_ENETUNREACH 101
#define FI_ECONNRESET 104
#define FI_ETIMEDOUT 110
#define FI_ECONNREFUSED 111
#define FI_EHOSTUNREACH 113
#define FI_EPIPE 32

fi_inline struct fi_conn *fi_conn_of(__u32 slot)
{
	struct fi_conn *c = bpf_map_lookup_elem(&fi_conns, &slot), *blank;
	__u32 zero = 0;

	if (c)
		return c;
	blank = bpf_map_lookup_elem(&fi_zero_conn, &zero);
	if (!blank)
		return 0;
	bpf_map_update_elem(&fi_conns, &slot, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&fi_conns, &slot);
}

fi_inline void fi_conn_time(struct fi_conn_times *t, __u32 us)
{
	__u32 n = 0;

	n += us > FI_CONN_US_0;
	n += us > FI_CONN_US_1;
	n += us > FI_CONN_US_2;
	n += us > FI_CONN_US_3;
	n += us > FI_CONN_US_4;
	n += us > FI_CONN_US_5;
	n += us > FI_CONN_US_6;
	n += us > FI_CONN_US_7;
	n += us > FI_CONN_US_8;
	n += us > FI_CONN_US_9;
	n += us > FI_CONN_US_10;
	n += us > FI_CONN_US_11;
	n += us > FI_CONN_US_12;
	n += us > FI_CONN_US_13;
	n += us > FI_CONN_US_14;
	__sync_fetch_and_add(&t->sum_us, us);
	__sync_fetch_and_add(&t->bucket[n & (FI_CONN_BUCKETS - 1)], 1);
}

fi_inline int fi_conn_error(int err)
{
	switch (err) {
	case FI_ECONNREFUSED:
		return FI_CE_REFUSED;
	case FI_ECONNRESET:
	case FI_EPIPE: /* a reset behind the other end's FIN */
		return FI_CE_RESET;
	case FI_ETIMEDOUT:
		return FI_CE_TIMEOUT;
	case FI_ENETDOWN:
	case FI_ENETUNREACH:
	case FI_EHOSTUNREACH:
		return FI_CE_UNREACHABLE;
	}
	return -1;
}

/* The handshake is over. How long it took is kept with the socket: what the connection speaks is not known yet. */
fi_inline void fi_conn_established(struct sock *sk, int oldstate)
{
	struct fi_socket *ss;
	__u64 us = 0;

	if (oldstate == TCP_SYN_SENT) {
		ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);
		if (ss && ss->flow.first_ns) /* its SYN */
			us = (bpf_ktime_get_ns() - ss->flow.first_ns) / 1000;
	} else {
		ss = bpf_sk_storage_get(&fi_sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		us = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3; /* of the one exchange there was so far */
	}
	if (ss)
		ss->setup_us = us > 0xffffffff ? 0xffffffff : us;
}

/* The connection is over and its flow aggregated. */
fi_inline void fi_conn_closed(struct sock *sk, const struct fi_socket *ss, int oldstate)
{
	struct fi_conn *c = fi_conn_of(ss->flow.agg);
	__u32 srtt = BPF_CORE_READ((struct tcp_sock *)sk, srtt_us) >> 3;
	__u32 resent = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	int error = fi_conn_error(BPF_CORE_READ(sk, sk_err));

	if (!c)
		return;
	if (error >= 0)
		__sync_fetch_and_add(&c->errors[error], 1);
	if (resent > ss->retransmits) /* those before the flow had its aggregate */
		__sync_fetch_and_add(&c->retransmits, resent - ss->retransmits);
	if (oldstate != TCP_SYN_SENT && srtt)
		fi_conn_time(&c->rtt, srtt);
	if (ss->setup_us)
		fi_conn_time(&c->setup, ss->setup_us);
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(fi_retransmit, const struct sock *csk)
{
	struct sock *sk = (struct sock *)csk;
	struct fi_socket *ss;
	struct fi_conn *c;
	__u32 resent;

	if (!sk)
		return 0;
	ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);
	if (!ss || !ss->flow.agg) /* not decided yet: counted at its end */
		return 0;
	resent = BPF_CORE_READ((struct tcp_sock *)sk, total_retrans);
	c = fi_conn_of(ss->flow.agg);
	if (c && resent > ss->retransmits) {
		__sync_fetch_and_add(&c->retransmits, resent - ss->retransmits);
		ss->retransmits = resent;
	}
	return 0;
}

SEC("tp_btf/tcp_send_reset") /* without a socket: for a packet that belongs to none */
int BPF_PROG(fi_reset_sent, const struct sock *csk)
{
	struct sock *sk = (struct sock *)csk;
	struct fi_socket *ss;
	struct fi_conn *c;

	if (!sk)
		return 0;
	ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);
	if (!ss || !ss->flow.first_ns || ss->aborted)
		return 0;
	ss->aborted = 1;
	c = fi_conn_of(ss->flow.agg);
	if (c)
		__sync_fetch_and_add(&c->errors[FI_CE_ABORTED], 1);
	return 0;
}

#endif
