/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule that rejects answers, in the name of the packet's destination: a TCP reset, or ICMP that says unreachable. The packet
 * is turned into its answer in place. Never answered are answers themselves (resets, ICMP other than echo requests),
 * fragments, what a tunnel carries, and what is not from one host to one host; nor is anything above FI_ANSWERS a second. */
#ifndef FI_TAP_ANSWER_H
#define FI_TAP_ANSWER_H

#include "rules.h"

/* Marks answers that TC sends, which pass its programs once more. */
#define FI_ANSWER_MARK 0x666c6964
#define FI_ANSWERS 1000
#define FI_ANSWER_NS (1000000000ull / FI_ANSWERS)
#define FI_ANSWER_OWN_NS 1000000000ull
/* Where the IP header stands in fi_scratch.answer: Ethernet with two tags fits in front, and what is copied at once. */
#define FI_ANSWER_IP 32
#define FI_ANSWER_QUOTE 128 /* bytes of the packet that ICMP has at most */

/* Time up to which all answers are taken (fi_limit_above), for all CPUs. */
FI_MAP(fi_answers, BPF_MAP_TYPE_ARRAY, 1, __u32, __u64, 0);
/* Resets on their way to this host's own programs, by flow: when they were sent. Written where TC decides of what goes out, read by
 * XDP, which sees them when it is generic and knows no mark. Full: the oldest go, and are dropped as packets of a rejected flow. */
FI_MAP(fi_resets, BPF_MAP_TYPE_LRU_HASH, 1024, struct fi_tuple, __u64, 0);

fi_inline void fi_put16(__u8 *to, __u32 v)
{
	to[0] = v >> 8;
	to[1] = v;
}

fi_inline void fi_put32(__u8 *to, __u32 v)
{
	fi_put16(to, v >> 16);
	fi_put16(to + 2, v);
}

/* Internet checksum, from a sum of words in the order of the wire. */
fi_inline void fi_put_sum(__u8 *to, __u64 sum)
{
	__u16 sum16;

	sum = (sum & 0xffffffff) + (sum >> 32);
	for (int i = 0; i < 4; i++)
		sum = (sum & 0xffff) + (sum >> 16);
	sum16 = ~sum;
	__builtin_memcpy(to, &sum16, 2);
}

/* From one host to one host. */
fi_inline int fi_answer_hosts(const struct fi_tuple *t)
{
	const __u8 *from = t->addr[0], *to = t->addr[1];

	if (t->net == 4)
		return from[12] && from[12] < 224 && to[12] && to[12] < 224;
	return from[0] != 0xff && to[0] != 0xff && (((const __u64 *)from)[0] | ((const __u64 *)from)[1]);
}

/* Writes the Ethernet header with its tags in front of the answer's IP header, both ends exchanged. Where the packet's IP header
 * begins; 0 = it is not behind Ethernet and at most two tags. */
fi_inline __u32 fi_answer_link(struct fi_scratch *x)
{
	const __u8 *h = x->pkt.hdr;
	__u8 *to = x->answer;
	__u32 at = 12, type = 0, begin;

	for (int i = 0; i < 3; i++) {
		type = h[at] << 8 | h[at + 1];
		if (i == 2 || (type != 0x8100 && type != 0x88a8 && type != 0x9100))
			break;
		at += 4;
	}
	if (type != (x->pkt.tuple.net == 4 ? 0x0800 : 0x86dd) || (h[0] | h[6]) & 1)
		return 0;
	at += 2;
	begin = FI_ANSWER_IP - at;
	__builtin_memcpy(to + FI_ANSWER_IP - 10, h + at - 10, 10);
	__builtin_memcpy(to + begin, h + 6, 6);
	__builtin_memcpy(to + begin + 6, h, 6);
	return at;
}

/* The TCP header at `l4`: RFC 9293 3.10.7.1, as of a port that is closed. */
fi_inline __u32 fi_answer_tcp(const struct fi_pkt *p, __u8 *l4)
{
	__u32 ack, flags = p->tcp_flags;

	if (flags & FI_TH_RST)
		return 0;
	__builtin_memset(l4, 0, 20);
	__builtin_memcpy(l4, &p->tuple.port_be[1], 2);
	__builtin_memcpy(l4 + 2, &p->tuple.port_be[0], 2);
	l4[12] = 5 << 4;
	if (flags & FI_TH_ACK) {
		__builtin_memcpy(l4 + 4, FI_HDR_AT(p, p->l4_at + 8), 4);
		l4[13] = FI_TH_RST;
	} else {
		ack = p->seq + p->payload_len + !!(flags & FI_TH_SYN) + !!(flags & FI_TH_FIN);
		fi_put32(l4 + 8, ack);
		l4[13] = FI_TH_RST | FI_TH_ACK;
	}
	return 20;
}

/* The ICMP or ICMPv6 message at `l4`: nobody listens on that port, or it is forbidden to come here. Bytes, or 0. */
fi_inline __u32 fi_answer_icmp(void *ctx, int xdp, const struct fi_pkt *p, __u32 l3, __u8 *l4)
{
	int four = p->tuple.net == 4, udp = p->tuple.l4 == FI_UDP;
	__u32 n = p->l3_len, head = four ? (*FI_HDR_AT(p, l3) & 15) * 4 : 40;

	if ((p->tuple.l4 == FI_ICMP || p->tuple.l4 == FI_ICMP6) && !(p->has_icmp && p->icmp >> 8 == (four ? 8 : 128)))
		return 0;
	if (n > p->cap_len - l3)
		n = p->cap_len - l3;
	if (n > FI_ANSWER_QUOTE)
		n = FI_ANSWER_QUOTE;
	n &= ~3u;
	if (n < head + 8)
		return 0;
	__builtin_memset(l4, 0, 8);
	l4[0] = four ? 3 : 1;
	l4[1] = four ? (udp ? 3 : 13) : udp ? 4 : 1;
	/* kernels before 6.3 do not learn from a comparison that n is not 0 */
	return fi_bytes(ctx, xdp, l3, l4 + 8, ((n - 1) & (FI_ANSWER_QUOTE - 1)) + 1) ? 0 : 8 + n;
}

/* The IP header and the checksums around the `n` bytes behind it. */
fi_inline void fi_answer_ip(const struct fi_tuple *t, __u8 *ip, __u32 n, __u32 proto)
{
	__u64 sum;

	if (t->net == 4) {
		__builtin_memset(ip, 0, 12);
		ip[0] = 0x45;
		fi_put16(ip + 2, 20 + n);
		ip[6] = 0x40; /* not to be fragmented */
		ip[8] = 64;
		ip[9] = proto;
		__builtin_memcpy(ip + 12, &t->addr[1][12], 4);
		__builtin_memcpy(ip + 16, &t->addr[0][12], 4);
		fi_put_sum(ip + 10, bpf_csum_diff(0, 0, (__be32 *)ip, 20, 0));
		sum = proto == FI_TCP ? (__u64)bpf_csum_diff(0, 0, (__be32 *)(ip + 12), 8, 0) + bpf_htonl(proto) + bpf_htonl(n) : 0;
		sum += bpf_csum_diff(0, 0, (__be32 *)(ip + 20), n, 0);
		fi_put_sum(ip + (proto == FI_TCP ? 36 : 22), sum);
		return;
	}
	__builtin_memset(ip, 0, 8);
	ip[0] = 0x60;
	fi_put16(ip + 4, n);
	ip[6] = proto;
	ip[7] = 64;
	__builtin_memcpy(ip + 8, t->addr[1], 16);
	__builtin_memcpy(ip + 24, t->addr[0], 16);
	sum = (__u64)bpf_csum_diff(0, 0, (__be32 *)(ip + 8), 32, 0) + bpf_htonl(proto) + bpf_htonl(n);
	sum += bpf_csum_diff(0, 0, (__be32 *)(ip + 40), n, 0);
	fi_put_sum(ip + (proto == FI_TCP ? 56 : 42), sum);
}

fi_inline int fi_answer_may(void)
{
	__u32 zero = 0;
	__u64 *spent = bpf_map_lookup_elem(&fi_answers, &zero);

	if (spent && !fi_limit_above(spent, FI_ANSWER_NS, FI_ANSWER_NS * FI_ANSWERS, bpf_ktime_get_ns()))
		return 1;
	FI_COUNT(FI_C_RULE_UNANSWERED);
	return 0;
}

/* Puts the answer in place of the packet of `len` bytes. XDP grows to the front: room behind a packet is not there everywhere. */
fi_inline long fi_answer_put(void *ctx, int xdp, __u32 len, __u8 *from, __u32 size)
{
	if (!xdp)
		return bpf_skb_change_tail(ctx, size, 0) ?: bpf_skb_store_bytes(ctx, 0, from, ((size - 1) & 255) + 1, 0);
	if (size > len ? bpf_xdp_adjust_head(ctx, (int)(len - size)) : bpf_xdp_adjust_tail(ctx, (int)(size - len)))
		return -1;
	return bpf_xdp_store_bytes(ctx, 0, from, ((size - 1) & 255) + 1);
}

fi_inline void fi_answer_note(const struct fi_scratch *x)
{
	__u64 now = bpf_ktime_get_ns();

	if (x->tuple.l4 == FI_TCP)
		bpf_map_update_elem(&fi_resets, &x->tuple, &now, BPF_ANY);
}

/* This reset was sent by fi_answer_send a moment ago. */
fi_inline int fi_answer_own(const struct fi_tuple *t)
{
	const __u64 *sent = bpf_map_lookup_elem(&fi_resets, t);
	int own = sent && bpf_ktime_get_ns() - *sent < FI_ANSWER_OWN_NS;

	if (sent)
		bpf_map_delete_elem(&fi_resets, t);
	return own;
}

/* The packet in x was dropped. 1 = ctx has the answer to it now. */
FI_SUB int fi_answer_send(void *ctx, int xdp, struct fi_scratch *x)
{
	const struct fi_pkt *p = &x->pkt;
	const struct fi_tuple *t = &p->tuple;
	__u8 *ip = &x->answer[FI_ANSWER_IP];
	__u32 proto = t->l4 == FI_TCP ? FI_TCP : t->net == 4 ? FI_ICMP : FI_ICMP6, l3, n, size;

	if (p->tunnels || p->part != FI_PART_WHOLE || !p->l4_done || p->hdr_len < 34 || !fi_answer_hosts(t))
		return 0;
	l3 = fi_answer_link(x);
	if (!l3)
		return 0;
	n = proto == FI_TCP ? fi_answer_tcp(p, ip + (t->net == 4 ? 20 : 40)) : fi_answer_icmp(ctx, xdp, p, l3, ip + (t->net == 4 ? 20 : 40));
	n &= 255;
	if (!n || !fi_answer_may())
		return 0;
	fi_answer_ip(t, ip, n, proto);
	size = l3 + (t->net == 4 ? 20 : 40) + n;
	size &= 255;
	ip -= l3 & 31;
	if (fi_answer_put(ctx, xdp, p->wire_len, ip, size))
		return 0;
	FI_COUNT(FI_C_RULE_ANSWER);
	return 1;
}

#endif
