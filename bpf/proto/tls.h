/* SPDX-License-Identifier: Apache-2.0 */
/* TLS 1.0..1.3 (RFC 8446 §5.1, RFC 5246 §6.2) and SSL 3.0: records of type, version, length. A record is often longer
 * than a packet, so only its header and, when it is there, the next record's header are judged. The hello of SSL 2.0
 * is known for old clients that offer SSL 3.0 or later in it. */
#include "hello.h"

FI_PROTO(tls, 1, 10, FI_TCP, "Transport Layer Security", FI_PORTS(443, 8443, 853, 993, 995, 465, 636, 990, 5061, 6443), FI_THEN());

#define FI_TLS_RECORD_MAX 16640 /* RFC 5246 §6.2.3 allows 2^14 + 2048, but nothing adds more than 256 */
#define FI_TLS_CHAIN 3 /* records whose header is looked at */

/* Record header at off: NO, or as much as is there fits (YES: all of it). */
fi_inline enum fi_fit fi_tls_record(const struct fi_win *w, __u32 off)
{
	__u32 type = fi_at(w, off), length = fi_be16(w, off + 3);

	if (!fi_in(w, off, 1))
		return FI_FIT_MORE;
	if (!fi_range(type, 0x14, 0x18))
		return FI_FIT_NO;
	if (fi_in(w, off + 1, 1) && fi_at(w, off + 1) != 3)
		return FI_FIT_NO;
	if (fi_at(w, off + 2) > 4) /* absent bytes are 0 */
		return FI_FIT_NO;
	if (!fi_in(w, off, 5))
		return FI_FIT_MORE;
	return length <= FI_TLS_RECORD_MAX && (length || type == 0x17) ? FI_FIT_YES : FI_FIT_NO;
}

/* SSL 2.0 hello, draft-hickman-netscape-ssl-00: a length of 15 bits, and inside it three lengths that add up to it. */
fi_inline fi_answer fi_tls_v2(const struct fi_win *w)
{
	__u32 length = fi_be16(w, 0) & 0x7fff, type = fi_at(w, 2), version, ciphers, session, challenge;

	if (!(fi_at(w, 0) & 0x80) || !w->start)
		return FI_NO;
	if (w->len < 3)
		return FI_MORE;
	if (type != 1 && type != 4)
		return FI_NO;
	if (w->len < 13)
		return FI_MORE;
	if (type == 4) { /* server: session hit, certificate type, version 2, certificate, ciphers, connection id */
		__u32 sum = 11 + fi_be16(w, 7) + fi_be16(w, 9) + fi_be16(w, 11);

		return fi_be16(w, 5) == 2 && fi_at(w, 3) <= 1 && length == sum ? FI_HIT(FI_STRONG, FI_SERVER, 7, 0) : FI_NO;
	}
	version = fi_be16(w, 3);
	ciphers = fi_be16(w, 5);
	session = fi_be16(w, 7);
	challenge = fi_be16(w, 9);
	if (version != 2 && (version < 0x300 || version > 0x304))
		return FI_NO;
	if (ciphers % 3 || ciphers == 0 || (session != 0 && session != 16) || !fi_range(challenge, 16, 32))
		return FI_NO;
	return length == 9 + ciphers + session + challenge ? FI_HIT(FI_STRONG, FI_CLIENT, 6, 0) : FI_NO;
}

/* A handshake record that is not a hello: messages of a kind that is sent in the clear, at most as long as can be. */
fi_inline __u32 fi_tls_handshake(__u32 type, __u32 length)
{
	__u32 known = fi_equal(type, 4) | fi_equal(type, 8) | fi_range(type, 11, 16) | fi_equal(type, 20) | fi_range(type, 22, 25);

	return (known & fi_below(length, 1 << 18) & (fi_equal(length, 0) ^ 1)) | (fi_equal(type, 0) & fi_equal(length, 0)) |
	       (fi_equal(type, 14) & fi_equal(length, 0)) | (fi_equal(type, 5) & fi_equal(length, 0));
}

/* FI_SIGNATURES 1 "ClientHello" 2 "ServerHello" 3 "alert" 4 "handshake record" 5 "record of ciphertext" 6 "SSLv2 ClientHello"
 * 7 "SSLv2 ServerHello" 8 "ChangeCipherSpec" */
FI_SIG(tls)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0), version = fi_be16(w, 1), length = fi_be16(w, 3), next, whole = 0;
	enum fi_fit fit = fi_tls_record(w, 0);

	if (fit == FI_FIT_NO)
		return fi_tls_v2(w);
	if (fit == FI_FIT_MORE)
		return FI_MORE;
	if (type == 0x16) {
		if (w->len < 11)
			return FI_MORE;
		__u32 hello = fi_at(w, 5), inner = fi_be24(w, 6), offered = fi_be16(w, 9);

		/* SSL 3.0 clients may have no extensions; 38 bytes are the fixed part of both hellos */
		if ((hello == 1 || hello == 2) && fi_range(inner >> 5, 1, 0xff) && length >= 4 && offered >= 0x300 && offered <= 0x304)
			return FI_HIT(FI_STRONG, hello == 1 ? FI_CLIENT : FI_SERVER, hello, 0);
	}
	/* Every other record: the headers behind it must fit, too. */
	next = 5 + length;
	for (__u32 i = 1; i < FI_TLS_CHAIN; i++) {
		fit = fi_tls_record(w, next);
		if (fit == FI_FIT_NO)
			return FI_NO;
		if (fit == FI_FIT_MORE)
			break;
		whole++;
		next += 5 + fi_be16(w, next + 3);
	}
	if (type == 0x14) {
		if (length != 1)
			return FI_NO;
		if (w->len < 6)
			return FI_MORE;
		return fi_at(w, 5) == 1 ? FI_HIT(FI_STRONG, FI_EITHER, 8, 0) : FI_NO;
	}
	if (type == 0x15 && length == 2) {
		if (w->len < 7)
			return FI_MORE;
		return fi_range(fi_at(w, 5), 1, 2) && fi_at(w, 6) <= 120 ? FI_HIT(FI_STRONG, FI_EITHER, 3, 0) : FI_NO;
	}
	if (type == 0x16 && fi_tls_handshake(fi_at(w, 5), fi_be24(w, 6)) && fi_be24(w, 6) + 4 <= length)
		return FI_HIT(whole ? FI_STRONG : FI_FAIR, FI_EITHER, 4, 0);
	if (w->start && !whole) /* no connection begins with ciphertext */
		return FI_HIT(FI_WEAK, FI_EITHER, 5, 0);
	if (whole)
		return FI_HIT(whole > 1 ? FI_STRONG : FI_FAIR, FI_EITHER, 5, 0);
	/* One header alone: what is sent today (TLS 1.2 and 1.3 write 0303), or an old version on a port for TLS. A cipher
	 * adds 16 bytes at least. Alerts and the end of a handshake are short. */
	if (length >= 17 && (type == 0x17 || length < 256) && (version == 0x303 || fi_port(w, 443)))
		return FI_HIT(FI_FAIR, FI_EITHER, 5, 0);
	return FI_HIT(FI_WEAK, FI_EITHER, 5, 0);
}

#ifdef FI_HOST
/* Takes the record layer off: handshake bytes from the first record on. Returns how many. */
static inline __u32 fi_tls_unwrap(const __u8 *p, __u32 n, __u8 *out, __u32 room)
{
	__u32 used = 0;

	for (__u32 at = 0; at + 5 <= n && p[at] == 0x16 && p[at + 1] == 3 && used < room;) {
		__u32 len = p[at + 3] << 8 | p[at + 4], have = n - at - 5;

		if (len == 0)
			break;
		if (have > len)
			have = len;
		if (have > room - used)
			have = room - used;
		memcpy(out + used, p + at + 5, have);
		used += have;
		at += 5 + len;
	}
	return used;
}

/* Server name, offered and chosen protocol, version: from the first hello of either end. */
FI_LABELS(tls)
{
	__u8 hello[FI_HELLO_MAX];
	__u32 n, want;

	if (t->len < 5)
		return 0;
	if (t->data[0] & 0x80) { /* SSL 2.0 form: the version is all there is */
		if (t->data[2] == 1)
			fi_hello_version(out, t->data[3] << 8 | t->data[4]);
		return 1;
	}
	if (t->data[0] != 0x16)
		return 1;
	n = fi_tls_unwrap(t->data, t->len, hello, sizeof(hello));
	if (n < 4)
		return 0;
	want = 4 + (hello[1] << 16 | hello[2] << 8 | hello[3]);
	if (n < want && n < sizeof(hello) && !t->last)
		return 0;
	if (n > want)
		n = want;
	if (hello[0] == 1)
		fi_labels_client_hello(hello, n, out);
	else if (hello[0] == 2)
		fi_labels_server_hello(hello, n, out);
	return 1;
}
#endif
