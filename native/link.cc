/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: https://www.tcpdump.org/linktypes.html */
#include "link.h"

namespace flowident {

namespace {

uint32_t be16(const uint8_t *p)
{
	return static_cast<uint32_t>(p[0]) << 8 | p[1];
}

uint32_t le16(const uint8_t *p)
{
	return static_cast<uint32_t>(p[1]) << 8 | p[0];
}

/* Address family of BSD loopback frames, in the byte order of the host that captured. */
int loopback(const CapturePacket &p, uint32_t *off, uint32_t *next)
{
	if (p.captured < 4)
		return -FI_C_TRUNCATED;
	uint32_t family = p.data[0] | p.data[3]; /* small numbers: one end of the word is zero */

	*off = 4;
	*next = FI_NEXT_IP;
	/* AF_INET; AF_INET6 of NetBSD and OpenBSD, FreeBSD, Darwin, Linux */
	return family == 2 || family == 24 || family == 28 || family == 30 || family == 10 ? 0 : -FI_C_NOT_IP;
}

/* Linux "cooked" captures: EtherType, or 4 for an 802.2 frame. */
int cooked(const CapturePacket &p, uint32_t size, uint32_t at, uint32_t *off, uint32_t *next)
{
	if (p.captured < size)
		return -FI_C_TRUNCATED;
	uint32_t type = be16(p.data + at);

	*off = size;
	*next = type == 4 ? static_cast<uint32_t>(FI_NEXT_LLC) : type;
	return type == 4 || type >= 0x600 ? 0 : -FI_C_NOT_IP;
}

/* IEEE 802.11 data frames in the clear: LLC behind a header whose size depends on the frame control bits. */
int wlan(const CapturePacket &p, uint32_t skip, uint32_t *off, uint32_t *next)
{
	if (p.captured < skip + 24)
		return -FI_C_TRUNCATED;
	uint8_t kind = p.data[skip], flags = p.data[skip + 1];
	uint32_t len = 24;

	if ((kind & 0x0f) != 0x08 || kind & 0x40 || flags & 0x40) /* not data, no data in it, or encrypted */
		return -FI_C_NOT_IP;
	if ((flags & 3) == 3)
		len += 6; /* fourth address */
	if (kind & 0x80) {
		if (p.captured < skip + len + 2)
			return -FI_C_TRUNCATED;
		if (p.data[skip + len] & 0x80) /* aggregate of several frames */
			return -FI_C_NOT_IP;
		len += 2;
		if (flags & 0x80)
			len += 4; /* HT control */
	}
	*off = skip + len;
	*next = FI_NEXT_LLC;
	return 0;
}

/* Frame relay, RFC 2427: Q.922 address, control, NLPID. */
int frameRelay(const CapturePacket &p, uint32_t *off, uint32_t *next)
{
	if (p.captured < 10)
		return -FI_C_TRUNCATED;
	uint32_t at = p.data[1] & 1 ? 2 : 4;

	if (p.data[at] != 3) { /* Cisco's encapsulation: EtherType */
		*off = at + 2;
		*next = be16(p.data + at);
		return *next >= 0x600 ? 0 : -FI_C_NOT_IP;
	}
	at += p.data[at + 1] == 0 ? 2 : 1; /* padding */
	*off = at + 1;
	*next = FI_NEXT_IP;
	if (p.data[at] == 0xcc || p.data[at] == 0x8e)
		return 0;
	if (p.data[at] != 0x80 || p.captured < at + 6)
		return -FI_C_NOT_IP;
	*off = at + 6; /* SNAP */
	*next = be16(p.data + at + 4);
	return 0;
}

/* Linux netfilter log: attributes; number 9 is the packet. */
int nflog(const CapturePacket &p, uint32_t *off, uint32_t *next)
{
	for (uint32_t at = 4; at + 4 <= p.captured;) {
		uint32_t len = le16(p.data + at), type = le16(p.data + at + 2) & 0x7fff;

		if (len < 4)
			return -FI_C_MALFORMED;
		if (type == 9) {
			*off = at + 4;
			*next = FI_NEXT_IP;
			return 0;
		}
		at += (len + 3) & ~3u;
	}
	return -FI_C_TRUNCATED;
}

} // namespace

int linkHeader(const CapturePacket &p, uint32_t *off, uint32_t *next)
{
	*off = 0;
	if (p.link == 192) { /* per-packet information: its length, and the link type of what follows, little-endian */
		if (p.captured < 8)
			return -FI_C_TRUNCATED;
		CapturePacket inner = p;
		uint32_t skip = le16(p.data + 2);

		if (skip < 8 || skip > p.captured || le16(p.data + 4) == 192)
			return -FI_C_MALFORMED;
		inner.data += skip;
		inner.captured -= skip;
		inner.link = static_cast<uint16_t>(le16(p.data + 4));
		int err = linkHeader(inner, off, next);

		*off += skip;
		return err;
	}
	switch (p.link) {
	case 1:
		*next = FI_NEXT_ETH;
		return 0;
	case 12: /* raw IP, and what BSDs call it */
	case 14:
	case 101:
	case 228:
	case 229:
		*next = FI_NEXT_IP;
		return 0;
	case 0:
	case 108:
		return loopback(p, off, next);
	case 9:
	case 50:
		*next = FI_NEXT_PPP;
		return 0;
	case 51: /* PPPoE session, its header first */
		*next = 0x8864;
		return 0;
	case 10: /* FDDI: frame control and two addresses */
		*off = 13;
		*next = FI_NEXT_LLC;
		return 0;
	case 11: /* LLC over ATM, RFC 2684 */
		*next = FI_NEXT_LLC;
		return 0;
	case 104: /* Cisco HDLC: address, control, EtherType */
		return p.captured < 4 ? -FI_C_TRUNCATED : (*off = 4, *next = be16(p.data + 2), *next >= 0x600 ? 0 : -FI_C_NOT_IP);
	case 107:
		return frameRelay(p, off, next);
	case 113:
		return cooked(p, 16, 14, off, next);
	case 276:
		return cooked(p, 20, 0, off, next);
	case 105:
		return wlan(p, 0, off, next);
	case 127: /* radiotap: its own length in bytes 2 and 3 */
		return p.captured < 4 ? -FI_C_TRUNCATED : wlan(p, le16(p.data + 2), off, next);
	case 219:
		*next = 0x8847;
		return 0;
	case 239:
		return nflog(p, off, next);
	}
	return kLinkUnknown;
}

} // namespace flowident
