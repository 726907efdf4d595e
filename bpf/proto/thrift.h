/* SPDX-License-Identifier: Apache-2.0 */
/* Apache Thrift: binary protocol (80 01 00, type, name, sequence), compact protocol (82, version and type, sequence,
 * name), bare or framed by a length of four bytes. The old binary form without version is not told from other bytes. */
#include "../labels.h"

FI_PROTO(thrift, 36, 43, FI_TCP | FI_UDP, "Apache Thrift", FI_PORTS(9090, 6831, 6832), FI_THEN());

#define FI_THRIFT_NAME 48 /* longest name that is looked at */

/* A method name of n characters at off, perhaps with its service before a colon: 1 when it is one. */
FI_FN __u32 fi_thrift_name(const struct fi_win *w, __u32 off, __u32 n)
{
	__u32 bad = 0;

	if (!w || !n || n > FI_THRIFT_NAME || off > FI_WINDOW)
		return 0;
	for (__u32 i = 0; i < FI_THRIFT_NAME; i++) {
		__u32 c = fi_at(w, off + i);

		bad |= fi_below(i, n) & ((fi_alpha(c) | fi_digit(c) | fi_equal(c, '_') | fi_equal(c, '.') | fi_equal(c, ':')) ^ 1);
	}
	return fi_equal(bad, 0) & fi_alpha(fi_at(w, off));
}

/* More may come in a stream, but not in a datagram. */
fi_inline fi_answer fi_thrift_short(const struct fi_win *w)
{
	return w->whole && w->len == w->total ? FI_NO : FI_MORE;
}

/* FI_SIGNATURES 1 "binary call" 2 "binary reply" 3 "compact call" 4 "compact reply" */
FI_SIG(thrift)
{
	FI_CHECK(w);
	__u32 at = 0, kind, n;

	if (!w->len)
		return FI_MORE;
	if (fi_at(w, 0) < 0x80) { /* framed */
		__u32 frame = fi_be32(w, 0);

		if (w->l4 == FI_UDP || fi_at(w, 0))
			return FI_NO;
		if (w->len < 5)
			return w->len == 4 && frame < 8 ? FI_NO : FI_MORE;
		if (frame < 8)
			return FI_NO;
		at = 4;
	}
	if (fi_at(w, at) == 0x80) {
		if (w->len < at + 8)
			return (w->len > at + 1 && fi_at(w, at + 1) != 1) ? FI_NO : fi_thrift_short(w);
		kind = fi_at(w, at + 3);
		n = fi_be32(w, at + 4);
		if (fi_be16(w, at + 1) != 0x0100 || !fi_range(kind, 1, 4) || n == 0 || n > FI_THRIFT_NAME)
			return FI_NO;
		if (w->len < at + 8 + n + 5) /* name, sequence, first field's type */
			return fi_thrift_short(w);
		if (!fi_thrift_name(w, at + 8, n) || fi_at(w, at + 12 + n) > 16)
			return FI_NO;
		return FI_HIT(FI_STRONG, kind & 1 && kind != 3 ? FI_CLIENT : kind == 4 ? FI_CLIENT : FI_SERVER, kind == 1 || kind == 4 ? 1 : 2, at);
	}
	if (fi_at(w, at) == 0x82) {
		__u32 seq;

		if (w->len < at + 4)
			return fi_thrift_short(w);
		kind = fi_at(w, at + 1) >> 5;
		if ((fi_at(w, at + 1) & 31) != 1 || !kind || kind > 4)
			return FI_NO;
		/* the sequence number takes one to five bytes of seven bits */
		seq = at + 2;
		seq += fi_at(w, seq) < 0x80 ? 1 : fi_at(w, seq + 1) < 0x80 ? 2 : fi_at(w, seq + 2) < 0x80 ? 3 : fi_at(w, seq + 3) < 0x80 ? 4 : 5;
		if (!fi_in(w, seq, 1))
			return fi_thrift_short(w);
		n = fi_at(w, seq);
		if (n < 2 || n > FI_THRIFT_NAME)
			return FI_NO;
		if (!fi_in(w, seq, n + 2))
			return fi_thrift_short(w);
		if (!fi_thrift_name(w, seq + 1, n))
			return FI_NO;
		return FI_HIT(n >= 4 ? FI_STRONG : FI_FAIR, kind == 1 || kind == 4 ? FI_CLIENT : FI_SERVER, kind == 1 || kind == 4 ? 3 : 4, at);
	}
	return FI_NO;
}

#ifdef FI_HOST
/* Name of the first call; "Service:method" where one port serves several. */
FI_LABELS(thrift)
{
	const __u8 *p = t->data, *colon;
	__u32 at = 0, n;

	if (t->who != FI_CLIENT)
		return 1;
	if (t->len < 16)
		return 0;
	if (p[0] < 0x80)
		at = 4;
	if (p[at] == 0x80) {
		n = (__u32)p[at + 4] << 24 | p[at + 5] << 16 | p[at + 6] << 8 | p[at + 7];
		at += 8;
	} else {
		for (at += 2; at < t->len - 1 && p[at] & 0x80; at++)
			;
		n = ++at < t->len ? p[at] : 0;
		at++;
	}
	if (n == 0 || n > 255 || at + n > t->len)
		return 1;
	colon = memchr(p + at, ':', n);
	if (colon) {
		fi_label(out, FI_L_RPC_SERVICE, p + at, colon - p - at);
		n -= colon + 1 - p - at;
		at = colon + 1 - p;
	}
	fi_label(out, FI_L_RPC_METHOD, p + at, n);
	return 1;
}
#endif
