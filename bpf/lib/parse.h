/* SPDX-License-Identifier: Apache-2.0 */
/* Link, network and transport headers, tunnels included: one header a step, from p->hdr.
 *
 * Each step is a global function in BPF, verified once whatever the depth. It returns 0 to go on or a
 * negative cause (-FI_C_TRUNCATED …); the position and the next header live in *p, so that the caller
 * may load more bytes and repeat a step that lacked them. */
#ifndef FI_PARSE_H
#define FI_PARSE_H

#include "packet.h"
#include "tunnel.h"

#define FI_L4(n) (FI_NEXT_L4 + (n))

/* IPv4, RFC 791. */
FI_FN int fi_parse_ip4(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	if (!fi_room(p, 20))
		return -FI_C_TRUNCATED;
	__u32 ihl = (fi_h8(p, 0) & 15) * 4, total = fi_h16(p, 2), frag = fi_h16(p, 6);

	if (fi_h8(p, 0) >> 4 != 4 || ihl < 20)
		return -FI_C_MALFORMED;
	if (total == 0) /* segmentation offload: the length did not fit, the packet's own counts */
		total = p->wire_len - p->off;
	if (total < ihl)
		return -FI_C_MALFORMED;
	fi_addr4(p->tuple.addr[0], FI_HDR_AT(p, p->off + 12));
	fi_addr4(p->tuple.addr[1], FI_HDR_AT(p, p->off + 16));
	p->tuple.net = 4;
	p->tuple.l4 = fi_h8(p, 9);
	p->l3_len = total;
	p->end = p->off + total;
	p->part = FI_PART_WHOLE;
	if (frag & 0x3fff) {
		p->frag_id = fi_h16(p, 4);
		p->part = frag & 0x1fff ? FI_PART_LATER : FI_PART_FIRST;
	}
	p->next = FI_L4(p->tuple.l4);
	p->off += ihl;
	return 0;
}

/* IPv6, RFC 8200; extension headers are steps of their own. */
FI_FN int fi_parse_ip6(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	if (!fi_room(p, 40))
		return -FI_C_TRUNCATED;
	__u32 len = fi_h16(p, 4);

	if (fi_h8(p, 0) >> 4 != 6)
		return -FI_C_MALFORMED;
	if (len == 0 && fi_h8(p, 6) != 59) /* offload, or a jumbogram: the packet's own length counts */
		len = p->wire_len - p->off - 40;
	__builtin_memcpy(p->tuple.addr[0], FI_HDR_AT(p, p->off + 8), 16);
	__builtin_memcpy(p->tuple.addr[1], FI_HDR_AT(p, p->off + 24), 16);
	p->tuple.net = 6;
	p->l3_len = len + 40;
	p->end = p->off + 40 + len;
	p->part = FI_PART_WHOLE;
	p->tuple.l4 = fi_h8(p, 6);
	p->next = FI_L4(p->tuple.l4);
	p->off += 40;
	return 0;
}

/* IPv6 extension headers, RFC 8200 §4; AH counts its length in other units (RFC 4302). */
FI_FN int fi_parse_ext6(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	if (!fi_room(p, 8))
		return -FI_C_TRUNCATED;
	__u32 kind = p->next - FI_NEXT_L4, len = (fi_h8(p, 1) + 1) * 8;

	if (kind == 44) {
		__u32 frag = fi_h16(p, 2);

		len = 8;
		if (frag & 0xfff9) { /* not an atomic fragment, RFC 6946 */
			p->frag_id = fi_h32(p, 4);
			p->part = frag & 0xfff8 ? FI_PART_LATER : FI_PART_FIRST;
		}
	} else if (kind == 51) {
		len = (fi_h8(p, 1) + 2) * 4;
	}
	p->tuple.l4 = fi_h8(p, 0);
	p->next = FI_L4(p->tuple.l4);
	p->off += len;
	return 0;
}

/* TCP (RFC 9293), UDP (RFC 768), SCTP; anything else is a flow without ports. */
FI_FN int fi_parse_l4(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	__u32 l4 = p->tuple.l4, head = 0, left = p->end - p->off;

	if (p->end < p->off)
		return -FI_C_MALFORMED;
	int icmp = (l4 == FI_ICMP || l4 == FI_ICMP6) && left >= 2;

	p->tuple.port_be[0] = p->tuple.port_be[1] = 0;
	p->payload_len = left;
	p->payload_off = p->off;
	/* a step that lacks bytes is repeated with more: nothing is settled before they are there */
	if (p->part != FI_PART_LATER && !fi_room(p, l4 == FI_TCP ? 20 : l4 == FI_UDP ? 8 : l4 == FI_SCTP ? 12 : icmp ? 2 : 0))
		return -FI_C_TRUNCATED;
	p->next = FI_NEXT_DONE;
	p->l4_done = 1;
	p->l4_at = p->off; /* headers end below FI_HDR */
	if (p->part == FI_PART_LATER)
		return 0;
	if (l4 == FI_TCP) {
		head = (fi_h8(p, 12) >> 4) * 4;
		if (head < 20 || head > left)
			return -FI_C_MALFORMED;
		p->seq = fi_h32(p, 4);
		p->tcp_flags = fi_h8(p, 13);
	} else if (l4 == FI_UDP) {
		__u32 len = fi_h16(p, 4);

		head = 8;
		if (left < 8 || (len && len < 8))
			return -FI_C_MALFORMED;
		if (len && (len <= left || p->part == FI_PART_FIRST))
			p->payload_len = left = len;
		if (p->decap && fi_udp_carrier(p, fi_h16(p, 2)))
			p->next = FI_NEXT_UDP_TUNNEL + fi_h16(p, 2);
	} else if (l4 == FI_SCTP) {
		head = 12;
		if (left < 12)
			return -FI_C_MALFORMED;
	} else {
		if (icmp) {
			p->icmp = fi_h16(p, 0);
			p->has_icmp = 1;
		}
		return 0;
	}
	__builtin_memcpy(&p->tuple.port_be[0], FI_HDR_AT(p, p->off), 2);
	__builtin_memcpy(&p->tuple.port_be[1], FI_HDR_AT(p, p->off + 2), 2);
	p->payload_len = left - head;
	p->payload_off = p->off + head;
	p->off += head;
	if (p->next != FI_NEXT_DONE)
		fi_enter_tunnel(p);
	return 0;
}

fi_inline int fi_is_ext6(__u32 n)
{
	return n == 0 || n == 43 || n == 44 || n == 51 || n == 60 || n == 135 || n == 139 || n == 140;
}

/* One header. */
fi_inline int fi_parse_step(struct fi_pkt *p)
{
	__u32 next = p->next;

	if (next == 0x0800)
		return fi_parse_ip4(p);
	if (next == 0x86dd)
		return fi_parse_ip6(p);
	if (next == FI_NEXT_IP) {
		if (!fi_room(p, 1))
			return -FI_C_TRUNCATED;
		return fi_h8(p, 0) >> 4 == 6 ? fi_parse_ip6(p) : fi_parse_ip4(p);
	}
	if (next >= FI_NEXT_UDP_TUNNEL)
		return fi_parse_udp_tunnel(p);
	if (next >= FI_NEXT_L4) {
		next -= FI_NEXT_L4;
		if (fi_is_ext6(next) && (p->tuple.net == 6 || next == 51))
			return p->part == FI_PART_LATER ? fi_parse_l4(p) : fi_parse_ext6(p);
		if (p->decap && p->part == FI_PART_WHOLE && fi_ip_carrier(next))
			return fi_parse_ip_tunnel(p);
		return fi_parse_l4(p);
	}
	return fi_parse_link(p);
}

/* The inner packet has ports, or the carrier has none either (GRE, IP in IP). */
fi_inline int fi_parse_inner(const struct fi_pkt *p)
{
	__u32 l4 = p->tuple.l4;

	return l4 == FI_TCP || l4 == FI_UDP || l4 == FI_SCTP || !(p->carrier.port_be[0] | p->carrier.port_be[1]);
}

/* The inner packet made no sense, or is no flow of ports (ping, neighbour discovery) in a carrier that is one: the carrier
 * itself is the flow. */
fi_inline int fi_parse_settle(struct fi_pkt *p, int err)
{
	p->carried = p->tunnel;
	if (p->tunnels && (err || !fi_parse_inner(p))) {
		p->tuple = p->carrier;
		p->l3_len = p->carrier_l3_len;
		p->payload_off = p->carrier_payload_off;
		p->payload_len = p->carrier_payload_len;
		p->part = FI_PART_WHOLE;
		p->tunnels = 0;
		p->tunnel = 0;
		p->has_icmp = 0;
		return 0;
	}
	return err;
}

/* Prepares *p for a packet whose first header is `next`; hdr, hdr_len, cap_len, wire_len are set by the caller. */
fi_inline void fi_parse_begin(struct fi_pkt *p, __u32 next, __u8 view, __u8 decap)
{
	p->off = 0;
	p->next = next;
	p->end = p->wire_len;
	p->tuple.zone = 0;
	p->tuple.view = view;
	p->tuple.pad = 0;
	p->tuple.net = 0;
	p->seq = 0;
	p->tunnel = 0;
	p->vlan = 0;
	p->tcp_flags = 0;
	p->part = FI_PART_WHOLE;
	p->tunnels = 0;
	p->l4_done = 0;
	p->has_icmp = 0;
	p->decap = decap;
}

#ifdef FI_HOST
/* All headers of a packet in memory. 0, or the negative cause why it is not accounted to a flow. */
static inline int fi_parse(struct fi_pkt *p)
{
	int err = 0;

	for (int i = 0; i < FI_STEPS; i++) {
		if (p->next == FI_NEXT_DONE)
			return fi_parse_settle(p, 0);
		err = fi_parse_step(p);
		if (err)
			return fi_parse_settle(p, err);
	}
	return fi_parse_settle(p, p->next == FI_NEXT_DONE ? 0 : -FI_C_TOO_DEEP);
}
#endif

#endif
