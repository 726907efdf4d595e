/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL frontend/backend protocol 3 (and what speaks it). The first message of a client has no type byte, only a
 * length and a code; all others are type, length, body. The same letters mean other things in each direction. */
#include "../sig.h"
#ifdef FI_HOST
#include "../labels.h"
#endif

FI_PROTO(postgresql, 13, 40, FI_TCP, "PostgreSQL", FI_PORTS(5432, 6432), FI_THEN(tls));

#define FI_PG_SSL 80877103u
#define FI_PG_GSS 80877104u
#define FI_PG_CANCEL 80877102u
#define FI_PG_CHAIN 4 /* messages looked at */
#define FI_PG_LENGTH_MAX (1u << 24) /* longer messages are rare, and a fourth zero byte is what tells chance from design */
#define FI_PG_TEXT_MAX (1u << 20)
#define FI_PG_SEEN 8 /* body bytes that are held against the type */

/* What fi_pg_message says: 0 no, 1 more bytes, 2 fits; and then: */
#define FI_PG_CLIENT 0x04u
#define FI_PG_SERVER 0x08u
#define FI_PG_EXACT 0x10u /* the body confirms it */
#define FI_PG_LETTER 0x20u /* length 4 and nothing else */

/* The byte at off is the start of text: a printable character, or (with empty) the end of an empty string. */
fi_inline __u32 fi_pg_text(const struct fi_win *w, __u32 off, int empty)
{
	__u8 c = fi_at(w, off);

	return fi_range(c, 0x20, 0x7e) | (fi_equal(c, 0) & (__u32)empty);
}

/* The last byte of a message that ends before `end` is zero, as far as it can be seen. */
fi_inline __u32 fi_pg_closed(const struct fi_win *w, __u32 end)
{
	return fi_equal(fi_at(w, end - 1), 0); /* absent bytes read as 0 */
}

/* Up to FI_PG_SEEN bytes from off on, which end before `end`, are text of a statement. */
fi_inline __u32 fi_pg_words(const struct fi_win *w, __u32 off, __u32 end)
{
	__u32 bad = 0;

	for (__u32 i = 0; i < FI_PG_SEEN; i++) {
		__u8 c = fi_at(w, off + i);

		bad |= fi_below(off + i + 1, end) & (__u32)fi_in(w, off + i, 1) & ((fi_print(c) | fi_range(c, '\t', '\r')) ^ 1);
	}
	return bad ^ 1;
}

/* Message with a type byte at off. Bodies are held against the type as far as 8 bytes tell. */
FI_FN __u32 fi_pg_message(const struct fi_win *w, __u32 off)
{
	__u32 type, length, a, b, end;

	if (!w || off > FI_WINDOW)
		return 0;
	type = fi_at(w, off);
	if (!(fi_alpha((__u8)type) | fi_range((__u8)type, '1', '3')))
		return 0;
	if (!fi_in(w, off, 5))
		return fi_at(w, off + 1) == 0 ? 1 : 0;
	length = fi_be32(w, off + 1);
	if (length < 4 || length >= FI_PG_LENGTH_MAX)
		return 0;
	if (length == 4) {
		if (type == 'S' || type == 'H' || type == 'X')
			return 2 | FI_PG_CLIENT | FI_PG_LETTER;
		if (type == 'c')
			return 2 | FI_PG_LETTER;
		return type == '1' || type == '2' || type == '3' || type == 'n' || type == 's' || type == 'I' ? 2 | FI_PG_SERVER | FI_PG_LETTER : 0;
	}
	end = off + 1 + length;
	if (!fi_in(w, off + 5, length - 4 < FI_PG_SEEN ? length - 4 : FI_PG_SEEN))
		return off + 5 + FI_PG_SEEN > FI_WINDOW ? 2 : 1;
	a = fi_at(w, off + 5);
	b = fi_at(w, off + 6);
	switch (type) {
	case 'R': /* authentication */
		return length >= 8 && fi_be32(w, off + 5) <= 12 && length <= 4096 && (fi_be32(w, off + 5) || length == 8) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'Z': /* ready for query */
		return length == 5 && (a == 'I' || a == 'T' || a == 'E') ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'K': /* cancellation key: 4 bytes, up to 256 in protocol 3.2 */
		return length >= 12 && length <= 264 ? 2 | FI_PG_SERVER : 0;
	case 'S': /* parameter status */
	case 'A': /* notification */
		if (type == 'A')
			return length >= 10 && length <= 16384 ? 2 | FI_PG_SERVER : 0;
		return length >= 8 && length <= 8192 && fi_alpha(a) & fi_pg_text(w, off + 6, 0) & fi_pg_closed(w, end) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'E': /* error of the server; execute of the client */
		if (length == 9 && a == 0)
			return fi_be32(w, off + 6) <= 1u << 20 ? 2 | FI_PG_CLIENT | FI_PG_EXACT : 0;
		if (a == 'S' && length >= 12 && fi_upper(b) & fi_upper(fi_at(w, off + 7)))
			return 2 | FI_PG_SERVER | FI_PG_EXACT;
		return length >= 10 && length <= 128 && fi_pg_text(w, off + 5, 0) & fi_pg_text(w, off + 6, 1) ? 2 | FI_PG_CLIENT : 0;
	case 'N': /* notice */
		return a == 'S' && length >= 12 && fi_upper(b) & fi_upper(fi_at(w, off + 7)) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'T': /* row description: columns, name of the first */
		if (length == 6)
			return (a | b) == 0 ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
		return fi_be16(w, off + 5) <= 1664 && length >= 25 && length <= 1 << 16 && fi_pg_text(w, off + 7, 1) & fi_pg_text(w, off + 8, 1) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'D': /* row of the server: columns, length of the first; describe of the client */
		if ((a == 'S' || a == 'P') && length <= 128)
			return fi_pg_text(w, off + 6, 1) & fi_pg_closed(w, end) ? 2 | FI_PG_CLIENT | FI_PG_EXACT : 0;
		if (fi_be16(w, off + 5) > 1664 || length < 6)
			return 0;
		if (length >= 10 && fi_in(w, off + 7, 4))
			return fi_be32(w, off + 7) == 0xffffffff || fi_be32(w, off + 7) <= length - 10 ? 2 | FI_PG_SERVER : 0;
		return 2 | FI_PG_SERVER;
	case 'C': /* command complete of the server; close of the client */
		if ((a == 'S' || a == 'P') && b == 0 && length == 6)
			return 2 | FI_PG_CLIENT | FI_PG_EXACT;
		if (length <= 128 && fi_upper(a) & fi_upper(b) & fi_pg_closed(w, end))
			return 2 | FI_PG_SERVER | FI_PG_EXACT;
		return (a == 'S' || a == 'P') && length <= 128 && fi_pg_text(w, off + 6, 0) & fi_pg_closed(w, end) ? 2 | FI_PG_CLIENT : 0;
	case 'Q': /* query */
		if (length == 5)
			return a == 0 ? 2 | FI_PG_CLIENT : 0;
		return length <= FI_PG_TEXT_MAX && fi_pg_words(w, off + 5, end) & fi_pg_closed(w, end) ?
			       2 | FI_PG_CLIENT | FI_PG_EXACT :
			       0;
	case 'P': /* parse: name of the statement, text */
		if (length < 8)
			return 0;
		if (a == 0) /* most statements have no name; a count of parameter types is behind the text */
			return length <= FI_PG_TEXT_MAX && b && fi_pg_words(w, off + 6, end - 2) ? 2 | FI_PG_CLIENT | FI_PG_EXACT : 0;
		return fi_pg_text(w, off + 5, 0) & fi_pg_text(w, off + 6, 1) ? 2 | FI_PG_CLIENT : 0;
	case 'B': /* bind: portal, statement, formats */
		return length >= 12 && fi_pg_text(w, off + 5, 1) & fi_pg_text(w, off + 6, 1) ? 2 | FI_PG_CLIENT : 0;
	case 'p': /* password, SASL */
		return length <= 8192 && fi_pg_text(w, off + 5, 0) & fi_pg_text(w, off + 6, 1) ? 2 | FI_PG_CLIENT : 0;
	case 'f': /* copy fails: reason */
		return fi_pg_text(w, off + 5, 0) & fi_pg_closed(w, end) ? 2 | FI_PG_CLIENT : 0;
	case 't': /* parameter description */
		return length >= 6 && length == 6 + 4u * fi_be16(w, off + 5) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'G': case 'H': case 'W': /* copy responses: format, columns */
		return a <= 1 && length == 7 + 2u * fi_be16(w, off + 6) ? 2 | FI_PG_SERVER | FI_PG_EXACT : 0;
	case 'v': /* negotiate version */
		return length >= 12 && a == 0 && b <= 3 ? 2 | FI_PG_SERVER : 0;
	case 'V':
		return length >= 8 ? 2 | FI_PG_SERVER : 0;
	case 'd': /* copy data */
		return 2;
	}
	return 0;
}

/* First message of a client. */
fi_inline fi_answer fi_pg_startup(const struct fi_win *w)
{
	__u32 length = fi_be32(w, 0), code = fi_be32(w, 4), minor = code & 0xffff;

	if (fi_at(w, 1))
		return FI_NO;
	if (w->len < 8)
		return w->len > 4 && fi_at(w, 4) > 4 ? FI_NO : FI_MORE;
	if (code == FI_PG_SSL || code == FI_PG_GSS)
		return length == 8 ? FI_HIT(FI_STRONG, FI_CLIENT, 2, 0) : FI_NO;
	if (code == FI_PG_CANCEL)
		return length >= 16 && length <= 268 ? FI_HIT(FI_STRONG, FI_CLIENT, 3, 0) : FI_NO;
	/* 3.0, 3.2, and 3.9999 that clients send to see the server negotiate */
	if (code >> 16 != 3 || (minor > 15 && minor != 9999) || length < 9 || length > 10000)
		return FI_NO;
	if (w->len < 9)
		return FI_MORE;
	if (length == 9)
		return fi_at(w, 8) == 0 ? FI_HIT(FI_FAIR, FI_CLIENT, 1, 0) : FI_NO;
	if (w->len < 11)
		return FI_MORE;
	/* the first parameter's name; a Kafka request with the same bytes so far has a number here */
	if (!(fi_alpha(fi_at(w, 8)) & fi_range(fi_at(w, 9), '0', 'z') & fi_range(fi_at(w, 10), '0', 'z')))
		return FI_NO;
	return fi_pg_closed(w, length) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
}

/* FI_SIGNATURES 1 "startup" 2 "request for encryption" 3 "cancel request" 4 "messages" 5 "answer about encryption" */
FI_SIG(postgresql)
{
	FI_CHECK(w);
	__u32 at = 0, n = 0, all = 0, who = FI_EITHER, grade, answer = 0;

	if (w->len == 0)
		return FI_MORE;
	if (fi_at(w, 0) == 0)
		return fi_pg_startup(w);
	/* The one byte that answers a request for encryption; what follows is TLS, or messages as ever. */
	if ((fi_at(w, 0) == 'S' || fi_at(w, 0) == 'N' || fi_at(w, 0) == 'G') && w->start && w->from != FI_CLIENT) {
		answer = 1;
		if (fi_at(w, 0) == 'S' && fi_at(w, 1) == 0x16)
			return FI_HIT(FI_WEAK, FI_SERVER, 5, 0);
		if (fi_at(w, 0) == 'N' && (fi_at(w, 1) == 'R' || fi_at(w, 1) == 'E'))
			at = 1;
	}
	for (__u32 i = 0; i < FI_PG_CHAIN; i++) {
		__u32 r = fi_pg_message(w, at);

		if (r == 0)
			return FI_NO;
		if ((r & 3) == 1)
			break;
		n++;
		all |= r;
		at += 1 + fi_be32(w, at + 1);
		if (at >= FI_WINDOW || !fi_in(w, at, 1))
			break;
	}
	if (n == 0)
		return answer ? FI_HIT(FI_WEAK, FI_SERVER, 5, 0) : FI_MORE;
	if ((all & FI_PG_CLIENT) && (all & FI_PG_SERVER)) /* no end sends both */
		return FI_NO;
	if (all & FI_PG_CLIENT)
		who = FI_CLIENT;
	if (all & FI_PG_SERVER)
		who = FI_SERVER;
	if (all & FI_PG_EXACT)
		grade = n > 1 ? FI_STRONG : FI_FAIR;
	else
		grade = n > 1 || (n == 1 && all & FI_PG_LETTER && fi_port(w, 5432)) ? FI_FAIR : FI_WEAK;
	return FI_HIT(grade, who, 4, 0);
}

#ifdef FI_HOST
static inline __u32 fi_pg_be32(const __u8 *p)
{
	return (__u32)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* Pairs of strings in p[0..n): labels for those that are known. */
static inline void fi_pg_pairs(const __u8 *p, __u32 n, struct fi_labels *out)
{
	for (__u32 at = 0; at < n && p[at];) {
		const __u8 *key = p + at, *value = memchr(key, 0, n - at), *end;

		if (!value || ++value >= p + n)
			return;
		end = memchr(value, 0, p + n - value);
		if (!end)
			return;
		if (!strcmp((const char *)key, "user"))
			fi_label(out, FI_L_DB_USER, value, end - value);
		else if (!strcmp((const char *)key, "database"))
			fi_label(out, FI_L_DB_NAME, value, end - value);
		else if (!strcmp((const char *)key, "server_version"))
			fi_label(out, FI_L_SERVER_VERSION, value, end - value);
		at = end + 1 - p;
	}
}

/* User and database of the startup message; version among the server's parameters. */
FI_LABELS(postgresql)
{
	const __u8 *p = t->data;
	__u32 at = 0;

	if (t->who == FI_CLIENT) {
		if (t->len >= 8 && fi_pg_be32(p) == 8 && fi_pg_be32(p + 4) >> 16 == FI_PG_SSL >> 16)
			at = 8; /* refused encryption: the startup message comes after all */
		if (t->len < at + 8)
			return 0;
		__u32 length = fi_pg_be32(p + at);

		if (length < 8 || length > 10000 || fi_pg_be32(p + at + 4) >> 16 != 3)
			return 1;
		if (t->len - at < length && !t->last)
			return 0;
		fi_pg_pairs(p + at + 8, (t->len - at < length ? t->len - at : length) - 8, out);
		return 1;
	}
	if (t->len && p[0] == 'N' && t->len > 1 && p[1] == 'R')
		at = 1;
	while (t->len - at >= 5) {
		__u32 length = fi_pg_be32(p + at + 1);

		if (length < 4 || p[at] == 'Z' || p[at] == 'E' || fi_label_has(out, FI_L_SERVER_VERSION))
			return 1;
		if (length >= t->len - at)
			return length > 65536;
		if (p[at] == 'S')
			fi_pg_pairs(p + at + 5, length - 4, out);
		at += 1 + length;
	}
	return 0;
}
#endif
