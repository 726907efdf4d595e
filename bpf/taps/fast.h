/* SPDX-License-Identifier: Apache-2.0 */
/* The usual packet of the wire view: plain Ethernet, IPv4 without options or IPv6 without extension headers, TCP or UDP,
 * of a flow that is only counted any more. Read in place, one lookup, no scratch area. Everything else (tags,
 * tunnels, fragments, the first and the last packets of a connection, whatever looks odd) takes the long way, which
 * gives the same answer to these packets too. */
#ifndef FI_TAP_FAST_H
#define FI_TAP_FAST_H

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include "drops.h"

#define FI_FAST_LONG 0 /* take the long way */
#define FI_FAST_DONE 1 /* counted, and nothing is left to do */
#define FI_FAST_DROP 2

#define FI_FAST_PLAIN 1
#define FI_FAST_TURN 2 /* a connection begins or ends: the flow has to know */

/* Ports of the transport header at `l4`, `left` bytes of it and its payload on the wire. 0 = take the long way, or FI_FAST_PLAIN,
 * FI_FAST_TURN. */
fi_inline int fi_fast_l4(const __u8 *l4, const __u8 *end, __u8 proto, __u32 left, __be16 *sport, __be16 *dport)
{
	const __be16 *port = (const __be16 *)l4;
	int kind = FI_FAST_PLAIN;

	if (proto == FI_TCP) {
		if (l4 + 20 > end || left < 20 || l4[12] >> 4 < 5 || (l4[12] >> 4) * 4u > left)
			return 0;
		if (l4[13] & (FI_TH_SYN | FI_TH_FIN | FI_TH_RST))
			kind = FI_FAST_TURN;
	} else if (proto == FI_UDP) {
		__u32 len;

		if (l4 + 8 > end)
			return 0;
		len = __builtin_bswap16(port[2]);
		if (len < 8 || len > left || fi_udp_port_carries(__builtin_bswap16(port[1])))
			return 0;
	} else {
		return 0;
	}
	*sport = port[0];
	*dport = port[1];
	return kind;
}

/* FI_FAST_*. A subprogram, so that its stack is not below that of the long way. */
FI_SUB int fi_wire_fast(const __u8 *data, const __u8 *end, int ingress, __u32 segments, __u32 ifindex)
{
	const struct ethhdr *eth = (const void *)data;
	const struct iphdr *ip = (const void *)(eth + 1);
	struct fi_tuple t __attribute__((aligned(8)));
	struct fi_side *s;
	struct fi_agg *a;
	struct fi_flow *f;
	__u64 now;
	__be16 sport, dport;
	__u32 bytes, from, generation = fi_rules_generation();
	int kind;

	if ((const __u8 *)(ip + 1) > end)
		return FI_FAST_LONG;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		__u32 src = ip->saddr, dst = ip->daddr;

		bytes = __builtin_bswap16(ip->tot_len);
		if (ip->version != 4 || ip->ihl != 5 || ip->frag_off & bpf_htons(0x3fff) || bytes < 20)
			return FI_FAST_LONG;
		kind = fi_fast_l4((const __u8 *)(ip + 1), end, ip->protocol, bytes - 20, &sport, &dport);
		if (!kind)
			return FI_FAST_LONG;
		from = __builtin_bswap32(src) > __builtin_bswap32(dst) ||
		       (src == dst && __builtin_bswap16(sport) > __builtin_bswap16(dport));
		t.l4 = ip->protocol;
		t.net = 4;
		*(__u64 *)t.addr[0] = *(__u64 *)t.addr[1] = 0;
		*(__u32 *)&t.addr[0][8] = *(__u32 *)&t.addr[1][8] = bpf_htonl(0xffff);
		*(__u32 *)&t.addr[0][12] = from ? dst : src;
		*(__u32 *)&t.addr[1][12] = from ? src : dst;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = (const void *)(eth + 1);

		if ((const __u8 *)(ip6 + 1) > end)
			return FI_FAST_LONG;
		bytes = __builtin_bswap16(ip6->payload_len);
		if (ip6->version != 6)
			return FI_FAST_LONG;
		kind = fi_fast_l4((const __u8 *)(ip6 + 1), end, ip6->nexthdr, bytes, &sport, &dport);
		if (!kind)
			return FI_FAST_LONG;
		bytes += 40;
		t.l4 = ip6->nexthdr;
		t.net = 6;
		__builtin_memcpy(t.addr[0], &ip6->saddr, 16);
		__builtin_memcpy(t.addr[1], &ip6->daddr, 16);
		t.port_be[0] = sport;
		t.port_be[1] = dport;
		from = fi_normalise(&t);
	} else {
		return FI_FAST_LONG;
	}
	t.port_be[0] = from ? dport : sport;
	t.port_be[1] = from ? sport : dport;
	t.zone = ifindex * FI_ZONE_MIX;
	t.view = fi_cfg_wire_view;
	if (generation) {
		t.pad = (from ? FI_DROPPED_END : 0) | (ingress ? FI_DROPPED_INGRESS : 0);
		if (fi_dropped_again(&t, generation, segments, bytes))
			return FI_FAST_DROP;
	}
	if (kind != FI_FAST_PLAIN)
		return FI_FAST_LONG;
	t.pad = 0;
	f = bpf_map_lookup_elem(&fi_flows, &t);
	if (!f)
		f = bpf_map_lookup_elem(&fi_new, &t);
	if (!f)
		return FI_FAST_LONG;
	now = fi_now();
	if (generation && f->side[0].ruled == (__u16)generation && !(f->side[1].ruled & FI_RULED_FREE) &&
	    now - f->last_ns < FI_RULED_QUIET_NS && fi_rules_hit_again(generation, f->side[1].ruled >> FI_RULED_RULE, segments, bytes)) {
		f->last_ns = now;
		return FI_FAST_DROP;
	}
	if (f->state != FI_S_DONE || (generation && fi_rules_open(f, generation, from, ingress)))
		return FI_FAST_LONG;
	f->last_ns = now;
	s = from ? &f->side[1] : &f->side[0];
	s->ingress = ingress;
	__sync_fetch_and_add(&s->packets, segments);
	__sync_fetch_and_add(&s->bytes, bytes);
	a = bpf_map_lookup_elem(&fi_agg, &f->agg);
	if (a) {
		fi_add(ingress ? &a->rx_packets : &a->tx_packets, segments);
		fi_add(ingress ? &a->rx_bytes : &a->tx_bytes, bytes);
	}
	return FI_FAST_DONE;
}

#endif
