/* SPDX-License-Identifier: Apache-2.0 */
/* QUIC: long headers (RFC 9000 §17.2, RFC 9369) of versions 1, 2, drafts and mvfst, Version Negotiation (§17.2.1), and
 * Google's QUIC with its public header. Short headers carry nothing but a connection id of unknown length: no claim. */
#include "hello.h"

FI_PROTO(quic, 11, 20, FI_UDP, "QUIC", FI_PORTS(443), FI_THEN());

#define FI_QUIC_TAG 56 /* where the first tag of a server can be: connection id, nonce, packet number, hash, frame header */
#define FI_QUIC_VERSIONS 8 /* entries of a Version Negotiation packet that are read */

enum fi_quic_family { FI_QUIC_NONE = 0, FI_QUIC_V1, FI_QUIC_V2, FI_QUIC_GOOGLE, FI_QUIC_GREASE };

/* Version 1, its drafts, mvfst; version 2 and its draft; Q050, T051, …; 0x?a?a?a?a, which asks for negotiation. */
fi_inline enum fi_quic_family fi_quic_family(__u32 v)
{
	__u32 letter = v >> 24;

	if (v == 1 || (v >> 8 == 0xff0000 && (v & 0xff)) || v >> 4 == 0xfaceb00)
		return FI_QUIC_V1;
	if (v == 0x6b3343cf || v == 0x709a50c4)
		return FI_QUIC_V2;
	if ((letter == 'Q' || letter == 'T') && (v >> 16 & 0xff) == '0' && fi_digit((__u8)(v >> 8)) & fi_digit((__u8)v))
		return FI_QUIC_GOOGLE;
	return (v & 0x0f0f0f0f) == 0x0a0a0a0a ? FI_QUIC_GREASE : FI_QUIC_NONE;
}

/* Variable-length integer (RFC 9000 §16) at off: bytes it takes << 32 | value; a value above 2^30 counts as 2^30. */
fi_inline __u64 fi_quic_int(const struct fi_win *w, __u32 off)
{
	__u32 first = fi_at(w, off), size = first >> 6, v;

	if (size == 0)
		v = first & 0x3f;
	else if (size == 1)
		v = fi_be16(w, off) & 0x3fff;
	else if (size == 2)
		v = fi_be32(w, off) & 0x3fffffff;
	else
		v = 1u << 30;
	return (__u64)(1u << size) << 32 | v;
}

/* Version Negotiation: at least one version that is known among those listed. */
fi_inline fi_answer fi_quic_negotiation(const struct fi_win *w, __u32 at)
{
	__u32 known = 0;

	if (at + 4 > w->total || (w->total - at) & 3)
		return FI_NO;
	for (__u32 i = 0; i < FI_QUIC_VERSIONS; i++) {
		__u32 v = fi_be32(w, at + 4 * i);

		known |= fi_equal(v, 1) | fi_equal(v, 0x6b3343cf) | fi_equal(v >> 8, 0xff0000) | fi_equal(v >> 4, 0xfaceb00) |
			 fi_equal(v >> 16, 'Q' << 8 | '0') | fi_equal(v >> 16, 'T' << 8 | '0');
	}
	return known ? FI_HIT(FI_STRONG, FI_SERVER, 3, 0) : FI_NO;
}

/* Google's public header: flags, connection id, version or the tag of a reset. */
fi_inline fi_answer fi_quic_google(const struct fi_win *w)
{
	__u32 flags = fi_at(w, 0), at = flags & 0x08 ? 9 : 1, tag = 0;

	if (flags & 0xc0)
		return FI_NO;
	if (!(flags & 0x03)) { /* a server's handshake message: its tag, a small number of entries, zero */
		for (__u32 i = 0; i < FI_QUIC_TAG; i++)
			tag |= (fi_equal(fi_be32(w, 14 + i), 'R' << 24 | 'E' << 16 | 'J' << 8) | fi_equal(fi_be32(w, 14 + i), 'S' << 24 | 'H' << 16 | 'L' << 8 | 'O')) &
			       fi_below(fi_le32(w, 18 + i), 128);
		return tag ? FI_HIT(FI_STRONG, FI_SERVER, 8, 0) : FI_NO;
	}
	if (!(flags & 0x08))
		return FI_NO;
	if (flags & 0x02)
		return fi_is(w, at, "PRST") ? FI_HIT(FI_STRONG, FI_SERVER, 6, at) : FI_NO;
	if (!(flags & 0x01) || fi_at(w, at) != 'Q' || fi_quic_family(fi_be32(w, at)) != FI_QUIC_GOOGLE)
		return FI_NO;
	return FI_HIT(FI_FAIR, FI_EITHER, 5, at);
}

/* FI_SIGNATURES 1 "Initial" 2 "Handshake or 0-RTT" 3 "Version Negotiation" 4 "Retry" 5 "Google QUIC version" 6 "Google QUIC reset"
 * 7 "reserved version" 8 "Google QUIC handshake of a server" */
FI_SIG(quic)
{
	FI_CHECK(w);
	__u32 first = fi_at(w, 0), version = fi_be32(w, 1), type = first >> 4 & 3, at;
	enum fi_quic_family family = fi_quic_family(version);

	if (w->total < 12 || w->len < 12)
		return FI_NO;
	if (!(first & 0x80))
		return fi_quic_google(w);
	if (family == FI_QUIC_GOOGLE && fi_be16(w, 3) <= ('4' << 8 | '6')) /* two lengths in one byte, 0 or 3 + n */
		return fi_range(fi_at(w, 5) & 15, 0, 15) && first & 0x40 && (fi_at(w, 5) == 0x50 || fi_at(w, 5) == 0x05 || fi_at(w, 5) == 0x55) ?
			       FI_HIT(FI_FAIR, FI_EITHER, 5, 0) :
			       FI_NO;
	if (fi_at(w, 5) > 20)
		return FI_NO;
	at = 6 + fi_at(w, 5);
	if (fi_at(w, at) > 20)
		return FI_NO;
	at += 1 + fi_at(w, at);
	if (at > w->total || at > 47)
		return FI_NO;
	if (version == 0)
		return fi_quic_negotiation(w, at);
	if (family == FI_QUIC_NONE || !(first & 0x40))
		return FI_NO;
	if (family == FI_QUIC_GREASE) /* a client that wants to see the server's versions pads to full size */
		return w->total >= 1200 ? FI_HIT(FI_FAIR, FI_CLIENT, 7, 0) : FI_NO;
	if (family == FI_QUIC_V2)
		type = (type + 3) & 3; /* RFC 9369 §3.2: Initial is 1, Retry 0 */
	if (type == 3) /* token and a tag of 16 bytes */
		return w->total >= at + 16 ? FI_HIT(FI_FAIR, FI_SERVER, 4, 0) : FI_NO;
	if (type == 0) {
		__u64 token = fi_quic_int(w, at);

		at += (__u32)(token >> 32) + (__u32)token;
		if (at >= w->total)
			return FI_NO;
	}
	if (at + 8 <= FI_WINDOW) { /* else a long token hides the length */
		__u64 length = fi_quic_int(w, at);

		/* packet number and tag are 17 bytes at least; other packets may follow in the datagram */
		if ((__u32)length < 17 || at + (__u32)(length >> 32) + (__u32)length > w->total)
			return FI_NO;
	}
	return type == 0 ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
}

#ifdef FI_HOST
#include <stdio.h>

/* The version, as a number or by Google's name; what is in the Initial needs decryption, which src/deep does. */
FI_LABELS(quic)
{
	char text[24];
	const __u8 *p = t->data;

	if (t->len < 13)
		return 1;
	if (!(p[0] & 0x80)) {
		if (p[0] & 0x01 && p[0] & 0x08 && p[9] == 'Q')
			fi_label(out, FI_L_QUIC_VERSION, p + 9, 4);
		return 1;
	}
	__u32 v = (__u32)p[1] << 24 | p[2] << 16 | p[3] << 8 | p[4];

	if (v == 1 || v == 0x6b3343cf)
		snprintf(text, sizeof(text), "%u", v == 1 ? 1 : 2);
	else if (v >> 8 == 0xff0000)
		snprintf(text, sizeof(text), "draft-%02u", v & 0xff);
	else if (fi_quic_family(v) == FI_QUIC_GOOGLE)
		snprintf(text, sizeof(text), "%.4s", (const char *)p + 1);
	else if (v)
		snprintf(text, sizeof(text), "0x%08x", v);
	else
		return 1;
	fi_label_str(out, FI_L_QUIC_VERSION, text);
	return 1;
}
#endif
