/* SPDX-License-Identifier: Apache-2.0 */
/* One packet on its way through a tap: the header bytes, and what the parser found in them.
 * The same struct in the kernel (a per-CPU map value) and in user space. */
#ifndef FI_PACKET_H
#define FI_PACKET_H

#include "../abi.h"
#include "../sig.h"

/* Header bytes that are parsed at most: Ethernet, two tags, IPv4 + UDP + VXLAN, an inner Ethernet, IPv6 with extension
 * headers and TCP with options fit. Deeper chains are counted as too deep, not followed. */
#define FI_HDR 256
#define FI_HDR_FIRST 128 /* loaded first; enough for all but tunnels */
#define FI_STEPS 24 /* headers followed in one packet */

/* What the next header is. Values below 0x10000 are EtherTypes (>= 0x600) or IP protocol numbers + FI_NEXT_L4. */
enum fi_next {
	FI_NEXT_ETH = 1,
	FI_NEXT_IP = 2, /* IPv4 or IPv6, by the version nibble */
	FI_NEXT_PPP = 3,
	FI_NEXT_LLC = 4,
	FI_NEXT_DONE = 5,
	FI_NEXT_L4 = 0x10000, /* + IP protocol number */
	FI_NEXT_UDP_TUNNEL = 0x20000, /* + destination port of the carrier */
};

enum fi_part {
	FI_PART_WHOLE = 0,
	FI_PART_FIRST = 1, /* first fragment: has the transport header */
	FI_PART_LATER = 2, /* later fragment: ports are not in it */
};

struct fi_pkt {
	struct fi_tuple tuple; /* end 0 = sender; not normalised */
	struct fi_tuple carrier; /* same, of the tunnel around it; valid when tunnels > 0 */
	__u32 off; /* parser's position */
	__u32 next; /* enum fi_next */
	__u32 end; /* where the current IP packet ends, on the wire */
	__u32 hdr_len; /* bytes in hdr */
	__u32 cap_len; /* bytes of the packet that can be read */
	__u32 wire_len;
	__u32 l3_len; /* bytes of the innermost IP packet */
	__u32 payload_off;
	__u32 payload_len; /* on the wire (UDP: of the whole datagram, also when fragmented) */
	__u32 seq;
	__u32 tunnel; /* innermost VNI, key or TEID */
	__u32 frag_id;
	__u16 vlan;
	__u8 tcp_flags;
	__u8 part; /* enum fi_part */
	__u8 tunnels; /* carriers taken off */
	__u8 l4_done; /* a transport header was read */
	__u8 decap; /* in: follow tunnels (wire view, replay) */
	__u8 pad;
	__u16 icmp; /* ICMP, ICMPv6: type * 256 + code; valid when has_icmp */
	__u8 has_icmp;
	__u8 l4_at; /* where the innermost transport header begins; valid when l4_done */
	__u32 carried; /* as tunnel, also when the carrier itself is the flow */
	/* the carrier's figures, to fall back on when the inner packet makes no sense */
	__u32 carrier_l3_len;
	__u32 carrier_payload_off;
	__u32 carrier_payload_len;
#ifdef FI_HOST
	const __u8 *hdr;
#else
	__u8 hdr[FI_HDR + 16];
#endif
};

#ifdef FI_HOST
#define FI_HDR_AT(p, i) (&(p)->hdr[i])
#else
#define FI_HDR_AT(p, i) (&(p)->hdr[(i) & (FI_HDR - 1)])
#endif

#define FI_TH_FIN 0x01
#define FI_TH_SYN 0x02
#define FI_TH_RST 0x04
#define FI_TH_ACK 0x10

/* Sequence number of the first payload byte: SYN takes a number, data sent with it begins behind it. */
fi_inline __u32 fi_payload_seq(const struct fi_pkt *p)
{
	return p->seq + (p->tcp_flags & FI_TH_SYN ? 1 : 0);
}

/* n header bytes are there at the parser's position. */
fi_inline int fi_room(const struct fi_pkt *p, __u32 n)
{
	return p->off + n <= p->hdr_len;
}

/* Readers relative to the parser's position; the caller asked fi_room before. */
fi_inline __u8 fi_h8(const struct fi_pkt *p, __u32 i)
{
	return *FI_HDR_AT(p, p->off + i);
}

fi_inline __u16 fi_h16(const struct fi_pkt *p, __u32 i)
{
	__u16 v;
	__builtin_memcpy(&v, FI_HDR_AT(p, p->off + i), 2);
	return __builtin_bswap16(v);
}

fi_inline __u32 fi_h32(const struct fi_pkt *p, __u32 i)
{
	__u32 v;
	__builtin_memcpy(&v, FI_HDR_AT(p, p->off + i), 4);
	return __builtin_bswap32(v);
}

#endif
