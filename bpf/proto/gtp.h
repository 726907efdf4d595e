/* SPDX-License-Identifier: Apache-2.0 */
/* GPRS tunnelling: control and user packets of version 1 (3GPP TS 29.060, 29.281), version 2 (TS 29.274), charging data
 * (GTP', TS 32.295) and version 0 (TS 09.60). Always a length that is the datagram's, then elements that fill it. User
 * packets that hold flows are followed, the carrier is then not seen as a flow. */
#include "walk.h"

FI_PROTO(gtp, 161, 60, FI_UDP, "GPRS Tunnelling Protocol", FI_PORTS(2123, 2152, 3386), FI_THEN());

#define FI_GTP_STEPS 8

/* Bytes of value of the elements without a length, TS 29.060 §7.7, TS 29.281 §8.1; 0 = no such element. */
static const __u8 fi_gtp_size[128] = {
	[1] = 1, [2] = 8, [3] = 6, [4] = 4, [5] = 4, [8] = 1, [9] = 3, [11] = 1, [12] = 3, [13] = 1,
	[14] = 1, [15] = 1, [16] = 4, [17] = 4, [18] = 5, [19] = 1, [20] = 1, [21] = 1, [22] = 1, [23] = 1,
	[24] = 1, [25] = 2, [26] = 2, [27] = 2, [28] = 2, [29] = 1, [127] = 4,
};

/* Elements of version 1 from off to the end of the datagram. */
FI_FN __u32 fi_gtp_elements(const struct fi_win *w, __u32 off)
{
	__u32 bad = 0;

	if (!w)
		return FI_WALK_BAD;
	for (int i = 0; i < FI_GTP_STEPS; i++) {
		__u32 type = fi_at(w, off), size;

		if (off >= w->total || !fi_in(w, off, 2))
			break;
		size = type & 0x80 ? 3u + fi_be16(w, off + 1) : 1u + fi_gtp_size[type & 127];
		bad |= fi_below(size, 2);
		off += size;
	}
	return bad || off > w->total ? FI_WALK_BAD : off == w->total ? FI_WALK_EXACT : FI_WALK_OPEN;
}

/* A user packet: IP of the length that is left, behind the extension headers. */
fi_inline int fi_gtp_user(const struct fi_win *w, __u32 off)
{
	__u32 ip = fi_at(w, off) >> 4;

	return (ip == 4 && off + fi_be16(w, off + 2) == w->total) || (ip == 6 && off + 40 + fi_be16(w, off + 4) == w->total);
}

FI_SUB fi_answer fi_gtp_1(const struct fi_win *w)
{
	__u32 flags = fi_at(w, 0), type = fi_at(w, 1), off = flags & 7 ? 12 : 8;
	__u32 who = FI_EITHER;

	/* echo; create, update and delete a context: asked, answered */
	if (type == 1 || type == 16 || type == 18 || type == 20)
		who = FI_CLIENT;
	else if (type == 2 || type == 17 || type == 19 || type == 21)
		who = FI_SERVER;
	if (fi_be16(w, 2) + 8u != w->total || off > w->total)
		return FI_NO;
	if (type == 255) {
		if (flags & 4 && fi_at(w, 11)) /* one extension header, in units of four bytes */
			off += fi_at(w, 12) * 4;
		return fi_gtp_user(w, off) ? FI_HIT(FI_STRONG, FI_EITHER, 3, 0) : FI_NO;
	}
	if (type == 0 || (type > 7 && type < 16) || (type > 61 && type < 96) || (type > 128 && type != 254))
		return FI_NO;
	if (off == w->total) /* nothing but a header: an echo with no tunnel, or the end of one */
		return (type == 1 && !fi_be32(w, 4)) || type == 254 ? FI_HIT(fi_port(w, 2123) || fi_port(w, 2152) ? FI_FAIR : FI_WEAK, who, 1, 0) : FI_NO;
	switch ((enum fi_walk)fi_gtp_elements(w, off)) {
	case FI_WALK_EXACT: /* one short element of some tunnel says little */
		return FI_HIT(w->total < off + 4 && fi_be32(w, 4) ? FI_WEAK : FI_STRONG, who, 1, 0);
	case FI_WALK_OPEN:
		return FI_HIT(FI_FAIR, who, 1, 0);
	default:
		return FI_NO;
	}
}

FI_SUB fi_answer fi_gtp_2(const struct fi_win *w)
{
	__u32 flags = fi_at(w, 0), type = fi_at(w, 1), len = fi_be16(w, 2) + 4u, off = flags & 8 ? 12 : 8, bad = 0;

	/* spare bits; a tunnel in all messages but echo and "version not supported" */
	if (flags & 3 || !type || (type > 3 && !(flags & 8)) || (!(flags & 4) && fi_at(w, off - 1)) || len < off)
		return FI_NO;
	if (flags & 0x10 ? len >= w->total || fi_at(w, len < FI_WINDOW ? len : 0) >> 5 != 2 : len != w->total)
		return FI_NO;
	if (off == len)
		return type == 3 ? FI_HIT(FI_WEAK, FI_SERVER, 2, 0) : FI_NO;
	/* the element's length does not count its four bytes; the instance has four bits */
	for (int i = 0; i < FI_GTP_STEPS; i++) {
		if (off + 4 > len || !fi_in(w, off, 4))
			break;
		bad |= fi_equal(fi_at(w, off), 0) | fi_below(15, fi_at(w, off + 3));
		off += 4 + fi_be16(w, off + 1);
	}
	if (bad || off > len)
		return FI_NO;
	return FI_HIT(off == len ? FI_STRONG : FI_FAIR, FI_EITHER, 2, 0);
}

/* FI_SIGNATURES 1 "version 1" 2 "version 2" 3 "user packet" 4 "charging data" 5 "version 0" */
FI_SIG(gtp)
{
	FI_CHECK(w);
	__u32 flags = fi_at(w, 0), type = fi_at(w, 1), len = fi_be16(w, 2);

	if (!w->whole || !fi_in(w, 0, 8))
		return FI_NO;
	if ((flags & 0xf8) == 0x30)
		return fi_gtp_1(w);
	if (flags >> 5 == 2 && !(flags & 0x03))
		return fi_gtp_2(w);
	/* version 0: three bytes of ones in a header of 20 */
	if ((flags & 0xfe) == 0x1e)
		return len + 20 == w->total && fi_be24(w, 9) == 0xffffff ? FI_HIT(FI_STRONG, FI_EITHER, 5, 0) : FI_NO;
	/* charging: records behind a "send data record packet" (126, 1), or the answer: cause, then which were taken */
	if ((flags & 0x9e) != 0x0e || flags >> 5 > 2 || len + 6u != w->total)
		return FI_NO;
	if (type == 0xf0 && fi_at(w, 6) == 126 && fi_range(fi_at(w, 7), 1, 4))
		return FI_HIT(FI_FAIR, FI_CLIENT, 4, 0);
	if (type == 0xf1 && fi_at(w, 6) == 1 && fi_at(w, 8) == 253 && fi_be16(w, 9) + 11u <= w->total)
		return FI_HIT(FI_FAIR, FI_SERVER, 4, 0);
	return FI_NO;
}
