/* SPDX-License-Identifier: Apache-2.0 */
/* Link headers, tags and tunnels: what may stand before the innermost IP packet. */
#ifndef FI_TUNNEL_H
#define FI_TUNNEL_H

#include "packet.h"

/* ::ffff:a.b.c.d, RFC 4291 §2.5.5.2. */
fi_inline void fi_addr4(__u8 *to, const __u8 *from)
{
	__builtin_memset(to, 0, 10);
	to[10] = to[11] = 0xff;
	__builtin_memcpy(to + 12, from, 4);
}

#define FI_ZONE_MIX 0x9e3779b1u

/* Equal addresses on different VLANs or tunnels are different hosts: mixes a tag into the zone. */
fi_inline void fi_zone(struct fi_pkt *p, __u32 tag)
{
	p->tuple.zone = p->tuple.zone * FI_ZONE_MIX + tag + 1;
}

fi_inline int fi_goto(struct fi_pkt *p, __u32 n, __u32 next)
{
	p->off += n;
	p->next = next;
	return 0;
}

/* Remembers the carrier, to fall back on, before the packet inside it is read. */
fi_inline void fi_enter_tunnel(struct fi_pkt *p)
{
	p->carrier = p->tuple;
	p->carrier_l3_len = p->l3_len;
	p->carrier_payload_off = p->payload_off;
	p->carrier_payload_len = p->payload_len;
	if (p->tunnels < 255)
		p->tunnels++;
}

/* UDP ports on which tunnels are looked for; the header there must look right as well. */
fi_inline int fi_udp_port_carries(__u16 port)
{
	return port == 4789 || port == 8472 || port == 6081 || port == 2152 || port == 3544 || port == 4754 || port == 6635 ||
	       port == 5072;
}

fi_inline int fi_udp_carrier(const struct fi_pkt *p, __u16 port)
{
	return p->part == FI_PART_WHOLE && fi_udp_port_carries(port);
}

/* IP protocols that carry packets: IPIP, IPv6, GRE, EtherIP, MPLS-in-IP. */
fi_inline int fi_ip_carrier(__u32 n)
{
	return n == 4 || n == 41 || n == 47 || n == 97 || n == 137;
}

/* PPP protocol field, RFC 1661 §2; address and control bytes may be there, the field may be one byte. */
fi_inline int fi_parse_ppp(struct fi_pkt *p)
{
	if (!fi_room(p, 4))
		return -FI_C_TRUNCATED;
	__u32 skip = fi_h16(p, 0) == 0xff03 ? 2 : 0, proto;

	if ((fi_h16(p, 0) & 0x7fff) == 0x0f00) /* Cisco HDLC in PPP's place: an EtherType follows, RFC 4349 §2 names both */
		return fi_goto(p, 4, fi_h16(p, 2));

	if (fi_h8(p, skip) & 1) {
		proto = fi_h8(p, skip);
		skip += 1;
	} else {
		proto = fi_h16(p, skip);
		skip += 2;
	}
	return proto == 0x21 ? fi_goto(p, skip, 0x0800) : proto == 0x57 ? fi_goto(p, skip, 0x86dd) : -FI_C_NOT_IP;
}

/* Network service header, RFC 8300. */
fi_inline int fi_parse_nsh(struct fi_pkt *p)
{
	if (!fi_room(p, 8))
		return -FI_C_TRUNCATED;
	__u32 len = (fi_h8(p, 1) & 0x3f) * 4, next = fi_h8(p, 3);

	if (len < 8)
		return -FI_C_MALFORMED;
	return next == 1 ? fi_goto(p, len, 0x0800) :
	       next == 2 ? fi_goto(p, len, 0x86dd) :
	       next == 3 ? fi_goto(p, len, FI_NEXT_ETH) :
			   -FI_C_NOT_IP;
}

/* MPLS label stack entry, RFC 3032; below the last: IP, or a pseudowire with or without control word (RFC 4385). */
fi_inline int fi_parse_mpls(struct fi_pkt *p)
{
	if (!fi_room(p, 5))
		return -FI_C_TRUNCATED;
	__u32 entry = fi_h32(p, 0), nibble = fi_h8(p, 4) >> 4;

	if (!(entry & 0x100))
		return fi_goto(p, 4, 0x8847);
	if (nibble == 4 || nibble == 6)
		return fi_goto(p, 4, FI_NEXT_IP);
	return nibble ? fi_goto(p, 4, FI_NEXT_ETH) : fi_goto(p, 8, FI_NEXT_ETH);
}

/* Link layer: Ethernet, tags, and everything that is named by an EtherType. */
FI_FN int fi_parse_link(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	__u32 next = p->next;

	switch (next) {
	case FI_NEXT_ETH:
	case 0x6558: /* transparent Ethernet bridging */
		if (!fi_room(p, 14))
			return -FI_C_TRUNCATED;
		next = fi_h16(p, 12);
		return fi_goto(p, 14, next < 0x600 ? FI_NEXT_LLC : next);
	case FI_NEXT_LLC: /* 802.2 with SNAP, RFC 1042 */
		if (!fi_room(p, 8))
			return -FI_C_TRUNCATED;
		if (fi_h16(p, 0) == 0xaaaa && fi_h8(p, 2) == 3)
			return fi_goto(p, 8, fi_h16(p, 6));
		return -FI_C_NOT_IP;
	case 0x8100: /* 802.1Q, 802.1ad */
	case 0x88a8:
	case 0x9100:
	case 0x9200:
		if (!fi_room(p, 4))
			return -FI_C_TRUNCATED;
		p->vlan = fi_h16(p, 0) & 0xfff;
		fi_zone(p, p->vlan);
		next = fi_h16(p, 2);
		return fi_goto(p, 4, next < 0x600 ? FI_NEXT_LLC : next);
	case 0x8926: /* VN-Tag */
		return fi_room(p, 6) ? fi_goto(p, 6, fi_h16(p, 4)) : -FI_C_TRUNCATED;
	case 0x893f: /* 802.1BR E-Tag */
		return fi_room(p, 8) ? fi_goto(p, 8, fi_h16(p, 6)) : -FI_C_TRUNCATED;
	case 0x88e7: /* 802.1ah I-Tag, then a whole frame */
		if (!fi_room(p, 4))
			return -FI_C_TRUNCATED;
		fi_zone(p, fi_h32(p, 0) & 0xffffff);
		return fi_goto(p, 4, FI_NEXT_ETH);
	case 0x8903: /* FabricPath: tag, then a whole frame */
		return fi_goto(p, 2, FI_NEXT_ETH);
	case 0x8847:
	case 0x8848:
		return fi_parse_mpls(p);
	case 0x8864: /* PPPoE session, RFC 2516 */
		return fi_goto(p, 6, FI_NEXT_PPP);
	case 0x880b:
	case FI_NEXT_PPP:
		return fi_parse_ppp(p);
	case 0x894f:
		return fi_parse_nsh(p);
	case 0x88be: /* ERSPAN II (type I, without a header, is told by GRE's missing sequence number) */
		if (!fi_room(p, 8))
			return -FI_C_TRUNCATED;
		return fi_goto(p, 8, FI_NEXT_ETH);
	case 0x22eb: /* ERSPAN III, with its optional subheader */
		if (!fi_room(p, 12))
			return -FI_C_TRUNCATED;
		return fi_goto(p, fi_h8(p, 11) & 1 ? 20 : 12, FI_NEXT_ETH);
	}
	return -FI_C_NOT_IP;
}

/* GRE, RFC 2784, 2890; version 1 is PPTP's, RFC 2637. */
fi_inline int fi_parse_gre(struct fi_pkt *p)
{
	if (!fi_room(p, 16))
		return -FI_C_TRUNCATED;
	__u32 flags = fi_h16(p, 0), type = fi_h16(p, 2), len = 4;

	if (flags & 0x4000 || (flags & 7) > 1)
		return -FI_C_MALFORMED;
	if (flags & 0x8000)
		len += 4;
	if (flags & 0x2000) {
		p->tunnel = (flags & 7) == 1 ? (__u32)fi_h16(p, 6) : fi_h32(p, len & 15);
		if ((flags & 7) != 1) /* PPTP has a call id for each direction */
			fi_zone(p, p->tunnel);
		len += 4;
	}
	if (flags & 0x1000)
		len += 4;
	if (flags & 0x0080)
		len += 4;
	if (type == 0x88be && !(flags & 0x1000)) /* ERSPAN type I */
		type = FI_NEXT_ETH;
	return type ? fi_goto(p, len, type) : -FI_C_NOT_IP;
}

FI_FN int fi_parse_ip_tunnel(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	__u32 n = p->next - FI_NEXT_L4;

	p->tuple.port_be[0] = p->tuple.port_be[1] = 0;
	p->payload_off = p->off;
	p->payload_len = p->end - p->off;
	fi_enter_tunnel(p);
	switch (n) {
	case 4:
		return fi_goto(p, 0, 0x0800);
	case 41:
		return fi_goto(p, 0, 0x86dd);
	case 47:
		return fi_parse_gre(p);
	case 97:
		return fi_goto(p, 2, FI_NEXT_ETH);
	}
	return fi_goto(p, 0, 0x8847);
}

/* VXLAN, RFC 7348 (and the group policy bit); a frame must follow. */
fi_inline int fi_parse_vxlan(struct fi_pkt *p)
{
	if (!fi_room(p, 22))
		return -FI_C_TRUNCATED;
	if (!(fi_h8(p, 0) & 0x08)) /* the other bits are to be ignored */
		return -FI_C_MALFORMED;
	p->tunnel = fi_h32(p, 4) >> 8;
	fi_zone(p, p->tunnel);
	return fi_goto(p, 8, FI_NEXT_ETH);
}

/* Teredo, RFC 4380 §5.1.1: optional authentication and origin indications before the IPv6 packet. */
fi_inline int fi_parse_teredo(struct fi_pkt *p)
{
	if (!fi_room(p, 13))
		return -FI_C_TRUNCATED;
	__u32 skip = 0;

	if (fi_h16(p, 0) == 1)
		return fi_goto(p, 13 + fi_h8(p, 2) + fi_h8(p, 3), FI_NEXT_UDP_TUNNEL + 3544);
	if (fi_h16(p, 0) == 0)
		skip = 8;
	return fi_h8(p, skip) >> 4 == 6 ? fi_goto(p, skip, 0x86dd) : -FI_C_MALFORMED;
}

/* GTP-U, 3GPP TS 29.281: user packets only (type 255), with up to one extension header. */
fi_inline int fi_parse_gtp(struct fi_pkt *p)
{
	if (!fi_room(p, 20))
		return -FI_C_TRUNCATED;
	__u32 flags = fi_h8(p, 0), len = 8;

	if ((flags & 0xf8) != 0x30 || fi_h8(p, 1) != 0xff)
		return -FI_C_MALFORMED;
	p->tunnel = fi_h32(p, 4); /* one for each direction: not part of the zone */
	if (flags & 7)
		len = 12;
	if (flags & 4 && fi_h8(p, 11))
		len += fi_h8(p, 12) * 4;
	return fi_goto(p, len, FI_NEXT_IP);
}

FI_FN int fi_parse_udp_tunnel(struct fi_pkt *p)
{
	if (!p)
		return -FI_C_MALFORMED;
	switch (p->next - FI_NEXT_UDP_TUNNEL) {
	case 4789:
	case 8472:
		return fi_parse_vxlan(p);
	case 6081: /* GENEVE, RFC 8926 */
		if (!fi_room(p, 8))
			return -FI_C_TRUNCATED;
		if (fi_h8(p, 0) >> 6 || fi_h8(p, 7))
			return -FI_C_MALFORMED;
		p->tunnel = fi_h32(p, 4) >> 8;
		fi_zone(p, p->tunnel);
		return fi_goto(p, 8 + (fi_h8(p, 0) & 0x3f) * 4, fi_h16(p, 2));
	case 2152:
		return fi_parse_gtp(p);
	case 3544:
		return fi_parse_teredo(p);
	case 4754: /* GRE in UDP, RFC 8086 */
		return fi_parse_gre(p);
	case 5072: /* AYIYA: identity and signature lengths in the first bytes, next header in the fourth */
		if (!fi_room(p, 8))
			return -FI_C_TRUNCATED;
		if (fi_h8(p, 3) != 41)
			return -FI_C_MALFORMED;
		return fi_goto(p, 8 + (1u << (fi_h8(p, 0) >> 4)) + (fi_h8(p, 1) >> 4) * 4, 0x86dd);
	}
	return fi_goto(p, 0, 0x8847); /* MPLS in UDP, RFC 7510 */
}

#endif
