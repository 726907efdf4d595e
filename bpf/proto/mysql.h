/* SPDX-License-Identifier: Apache-2.0 */
/* MySQL client/server protocol (MySQL, MariaDB, TiDB, proxies): packets of a length of three bytes (little endian), a
 * sequence number, a body. The server speaks first. Compressed connections have another header: joined there, unknown. */
#include "../text.h"
#ifdef FI_HOST
#include "../labels.h"
#endif

FI_PROTO(mysql, 14, 40, FI_TCP, "MySQL", FI_PORTS(3306, 33060), FI_THEN(tls));

#define FI_MYSQL_VERSION 72 /* longest version string looked for */

/* Offset behind the zero that ends the printable string at off; 0: none in sight (bad: some byte is not printable). */
FI_FN __u64 fi_mysql_string(const struct fi_win *w, __u32 off)
{
	__u32 live = 1, bad = 0, n = 0;

	if (!w || off > FI_WINDOW)
		return 0;
	for (__u32 i = 0; i < FI_MYSQL_VERSION; i++) {
		__u8 c = fi_at(w, off + i);

		live &= (fi_equal(c, 0) ^ 1) & (__u32)fi_in(w, off + i, 1);
		bad |= live & (fi_print(c) ^ 1);
		n += live;
	}
	return bad || n == FI_MYSQL_VERSION || !fi_in(w, off + n, 1) ? (__u64)bad << 32 : off + n + 1;
}

/* Greeting: protocol version, server version, thread id, eight bytes of salt, a zero, capabilities. */
fi_inline fi_answer fi_mysql_greeting(const struct fi_win *w)
{
	__u64 r;
	__u32 end;

	if (fi_at(w, 1) > 2 || fi_at(w, 2)) /* less than 768 bytes */
		return FI_NO;
	if (w->len > 5 && !fi_range(fi_at(w, 5), 0x21, 0x7e))
		return FI_NO;
	r = fi_mysql_string(w, 5);
	end = (__u32)r;
	if (end == 0)
		return r || w->len >= 5 + FI_MYSQL_VERSION ? FI_NO : FI_MORE;
	if (end < 9 || fi_le24(w, 0) + 4 < end + 13)
		return FI_NO;
	if (!fi_in(w, end, 13))
		return FI_MORE;
	if (fi_at(w, end + 12))
		return FI_NO;
	return fi_digit(fi_at(w, 5)) ? FI_HIT(FI_STRONG, FI_SERVER, 1, 0) : FI_HIT(FI_FAIR, FI_SERVER, 1, 0);
}

/* ERR packet: code, '#' and state (not before the greeting), text. */
fi_inline fi_answer fi_mysql_error(const struct fi_win *w)
{
	__u32 code = fi_le16(w, 5), seq = fi_at(w, 3);

	if (w->len < 13)
		return FI_MORE;
	if (fi_at(w, 2) || fi_at(w, 1) > 2 || code < 1000 || code > 9999 || seq > 16)
		return FI_NO;
	if (fi_at(w, 7) == '#') {
		__u32 ok = fi_digit(fi_at(w, 8)) | fi_upper(fi_at(w, 8));

		ok &= (fi_digit(fi_at(w, 9)) | fi_upper(fi_at(w, 9))) & (fi_digit(fi_at(w, 10)) | fi_upper(fi_at(w, 10)));
		return ok ? FI_HIT(FI_STRONG, FI_SERVER, 2, 4) : FI_NO;
	}
	if (seq != 0)
		return FI_NO;
	for (__u32 i = 7; i < 13; i++)
		if (!fi_print(fi_at(w, i)))
			return FI_NO;
	return FI_HIT(FI_FAIR, FI_SERVER, 2, 4);
}

/* What may follow a parenthesis that opens a statement: a word, another one, white space. */
fi_inline __u32 fi_mysql_opened(__u32 c)
{
	return fi_upper(c) | fi_equal(c, '(') | fi_equal(c, ' ') | fi_range(c, '\t', '\r');
}

/* The first word of a statement. */
fi_inline __u32 fi_mysql_verb(const struct fi_win *w, __u32 off)
{
	__u32 v = fi_word_upper(w, off);

	return fi_equal(v, FI_WORD('S', 'E', 'L', 'E')) | fi_equal(v, FI_WORD('I', 'N', 'S', 'E')) | fi_equal(v, FI_WORD('U', 'P', 'D', 'A')) |
	       fi_equal(v, FI_WORD('D', 'E', 'L', 'E')) | fi_equal(v, FI_WORD('S', 'H', 'O', 'W')) | fi_equal(v, FI_WORD('S', 'E', 'T', ' ')) |
	       fi_equal(v, FI_WORD('B', 'E', 'G', 'I')) | fi_equal(v, FI_WORD('C', 'O', 'M', 'M')) | fi_equal(v, FI_WORD('R', 'O', 'L', 'L')) |
	       fi_equal(v, FI_WORD('C', 'R', 'E', 'A')) | fi_equal(v, FI_WORD('D', 'R', 'O', 'P')) | fi_equal(v, FI_WORD('A', 'L', 'T', 'E')) |
	       fi_equal(v, FI_WORD('U', 'S', 'E', ' ')) | fi_equal(v, FI_WORD('C', 'A', 'L', 'L')) | fi_equal(v, FI_WORD('R', 'E', 'P', 'L')) |
	       fi_equal(v, FI_WORD('S', 'T', 'A', 'R')) | fi_equal(v, FI_WORD('T', 'R', 'U', 'N')) | fi_equal(v, FI_WORD('E', 'X', 'P', 'L')) |
	       fi_equal(v, FI_WORD('D', 'E', 'S', 'C')) | fi_equal(v, FI_WORD('W', 'I', 'T', 'H')) | fi_equal(v, FI_WORD('L', 'O', 'A', 'D')) |
	       fi_equal(v, FI_WORD('K', 'I', 'L', 'L')) | fi_equal(v, FI_WORD('L', 'O', 'C', 'K')) | fi_equal(v, FI_WORD('U', 'N', 'L', 'O')) |
	       fi_equal(v, FI_WORD('A', 'N', 'A', 'L')) | fi_equal(v, FI_WORD('G', 'R', 'A', 'N')) | fi_equal(v, FI_WORD('S', 'A', 'V', 'E')) |
	       fi_equal(v, FI_WORD('R', 'E', 'L', 'E')) | fi_equal(v, FI_WORD('P', 'R', 'E', 'P')) | fi_equal(v, FI_WORD('E', 'X', 'E', 'C')) |
	       fi_equal(v, FI_WORD('F', 'L', 'U', 'S')) | fi_equal(v >> 16, '/' << 8 | '*') | fi_equal(v >> 16, '-' << 8 | '-') |
	       (fi_equal(v >> 24, '(') & fi_mysql_opened(v >> 16 & 255) & fi_mysql_opened(v >> 8 & 255) & fi_mysql_opened(v & 255)) |
	       fi_equal(v, FI_WORD('C', 'H', 'E', 'C')) | fi_equal(v, FI_WORD('O', 'P', 'T', 'I'));
}

/* Command of a client, sequence number 0. The next packet, if there is one, is a command as well. */
fi_inline fi_answer fi_mysql_command(const struct fi_win *w, __u32 length)
{
	__u32 cmd = fi_at(w, 4);

	if (length < 16 << 20 && fi_in(w, length + 4, 4) && fi_at(w, length + 7))
		return FI_NO;
	switch (cmd) {
	case 0x03: case 0x16: /* query, prepare */
		if (length < 5)
			return FI_NO;
		if (w->len < 9)
			return FI_MORE;
		if (fi_mysql_verb(w, 5))
			return FI_HIT(FI_STRONG, FI_CLIENT, 5, 4);
		if (w->len < 11 && cmd == 3 && fi_be16(w, 5) == 0x0001)
			return FI_MORE;
		/* with query attributes: their number, 0, and 1 */
		if (cmd == 3 && fi_be16(w, 5) == 0x0001 && fi_mysql_verb(w, 7))
			return FI_HIT(FI_STRONG, FI_CLIENT, 5, 4);
		return fi_print(fi_at(w, 5)) & fi_print(fi_at(w, 6)) & fi_print(fi_at(w, 7)) & fi_print(fi_at(w, 8)) ? FI_HIT(FI_WEAK, FI_CLIENT, 5, 4) : FI_NO;
	case 0x17: /* execute: statement, cursor flags, count of 1 */
		if (length < 10)
			return FI_NO;
		if (w->len < 14)
			return FI_MORE;
		return fi_at(w, 9) <= 8 && fi_be32(w, 10) == 0x01000000 ? FI_HIT(FI_STRONG, FI_CLIENT, 6, 4) : FI_NO;
	case 0x19: case 0x1a: /* close, reset: statement */
		if (length != 5)
			return FI_NO;
		if (w->len < 9)
			return FI_MORE;
		return fi_at(w, 8) == 0 ? FI_HIT(FI_FAIR, FI_CLIENT, 6, 4) : FI_NO;
	case 0x02: case 0x04: /* change database, list columns */
		if (length < 2 || length > 130)
			return FI_NO;
		if (w->len < 6)
			return FI_MORE;
		return fi_print(fi_at(w, 5)) ? FI_HIT(FI_WEAK, FI_CLIENT, 6, 4) : FI_NO;
	case 0x0e: /* ping */
		return length == 1 ? FI_HIT(fi_port(w, 3306) ? FI_FAIR : FI_WEAK, FI_CLIENT, 6, 4) : FI_NO;
	case 0x01: case 0x09: case 0x1f: /* quit, statistics, reset connection */
		return length == 1 ? FI_HIT(FI_WEAK, FI_CLIENT, 6, 4) : FI_NO;
	case 0x12: /* binlog dump */
		return length >= 11 && length < 300 ? FI_HIT(FI_WEAK, FI_CLIENT, 6, 4) : FI_NO;
	}
	return FI_NO;
}

/* Login: capabilities, largest packet, character set, then zeros up to byte 28 at least, user. A request for TLS is
 * the same without the rest. */
fi_inline fi_answer fi_mysql_login(const struct fi_win *w, __u32 length)
{
	if (length < 32 || length > 4096)
		return FI_NO;
	if (w->len < 36)
		return FI_MORE;
	if (!(fi_at(w, 5) & 0x02) || fi_be64(w, 13) || fi_be64(w, 21) || fi_be16(w, 29) || fi_at(w, 31))
		return FI_NO;
	if (length == 32)
		return fi_at(w, 5) & 0x08 ? FI_HIT(FI_STRONG, FI_CLIENT, 4, 4) : FI_NO;
	return FI_HIT(FI_STRONG, FI_CLIENT, 3, 4);
}

/* Answer of a server, sequence number 1 or more. */
fi_inline fi_answer fi_mysql_answer(const struct fi_win *w, __u32 length)
{
	__u32 first = fi_at(w, 4), next = length + 4;

	if (length == 1 && first) { /* columns; then each column's definition, which begins with the catalog "def" */
		if (w->len < 13)
			return FI_MORE;
		return fi_at(w, 8) == (__u8)(fi_at(w, 3) + 1) && fi_be32(w, 9) == (3u << 24 | 'd' << 16 | 'e' << 8 | 'f') ? FI_HIT(FI_STRONG, FI_SERVER, 7, 9) : FI_NO;
	}
	if (first == 0 && length >= 7 && length < 512) { /* OK: rows, id, status, warnings */
		if (w->len < 11)
			return FI_MORE;
		if (length == 7 && fi_at(w, 8) == 0 && fi_be16(w, 9) == 0 && fi_at(w, 7) & 0x03)
			return FI_HIT(fi_port(w, 3306) ? FI_FAIR : FI_WEAK, FI_SERVER, 8, 4);
		return length == 12 && fi_in(w, next, 4) == 0 && fi_at(w, 9) == 0 ? FI_HIT(FI_WEAK, FI_SERVER, 8, 4) : FI_NO;
	}
	if (first == 0xfe && length == 5) /* end of rows: warnings, status */
		return w->len < 9 ? FI_MORE : fi_at(w, 8) == 0 && fi_at(w, 6) == 0 ? FI_HIT(FI_WEAK, FI_SERVER, 8, 4) : FI_NO;
	return FI_NO;
}

/* FI_SIGNATURES 1 "greeting" 2 "error" 3 "login" 4 "request for TLS" 5 "statement" 6 "command" 7 "result set" 8 "OK or end" */
FI_SIG(mysql)
{
	FI_CHECK(w);
	__u32 length = fi_le24(w, 0), seq = fi_at(w, 3), first = fi_at(w, 4);

	if (w->len < 5)
		return w->len == 4 && seq > 64 ? FI_NO : FI_MORE;
	if (length == 0)
		return FI_NO;
	if (first == 0xff)
		return fi_mysql_error(w);
	if (seq == 0 && (first == 10 || (first == 9 && length > 1)))
		return fi_mysql_greeting(w);
	if (seq == 0)
		return fi_mysql_command(w, length);
	if (seq == 1 && length >= 32) {
		fi_answer a = fi_mysql_login(w, length);

		if (a != FI_NO)
			return a;
	}
	return seq <= 4 ? fi_mysql_answer(w, length) : FI_NO;
}

#ifdef FI_HOST
/* Offset behind a length-encoded string at `at`, or 0. */
static inline __u32 fi_mysql_skip(const __u8 *p, __u32 n, __u32 at, int lenenc)
{
	if (at >= n)
		return 0;
	__u32 len = p[at++];

	if (lenenc && len == 0xfc) {
		if (at + 2 > n)
			return 0;
		len = p[at] | p[at + 1] << 8;
		at += 2;
	} else if (lenenc && len > 0xfa) {
		return 0;
	}
	return len <= n - at ? at + len : 0;
}

/* User and database of the login; version of the greeting, without the "5.5.5-" that MariaDB puts in front for old replicas. */
FI_LABELS(mysql)
{
	const __u8 *p = t->data, *end;
	__u32 n = t->len, at, caps;

	if (n < 5)
		return 0;
	__u32 length = (p[0] | p[1] << 8 | p[2] << 16) + 4;

	if (length < 9 || length > 8192)
		return 1;
	if (n < length && !t->last)
		return 0;
	if (n > length)
		n = length;
	if (p[3] == 0 && (p[4] == 10 || p[4] == 9)) {
		end = memchr(p + 5, 0, n - 5);
		at = n > 12 && !memcmp(p + 5, "5.5.5-", 6) ? 11 : 5;
		if (end && end > p + at)
			fi_label(out, FI_L_SERVER_VERSION, p + at, end - p - at);
		return 1;
	}
	if (p[3] != 1 || n <= 36)
		return 1;
	caps = p[4] | p[5] << 8 | p[6] << 16 | (__u32)p[7] << 24;
	end = memchr(p + 36, 0, n - 36);
	if (!end)
		return 1;
	if (end > p + 36)
		fi_label(out, FI_L_DB_USER, p + 36, end - p - 36);
	at = end + 1 - p;
	if (caps & (1 << 21 | 1 << 15)) {
		at = fi_mysql_skip(p, n, at, caps >> 21 & 1);
	} else {
		end = at < n ? memchr(p + at, 0, n - at) : 0;
		at = end ? end + 1 - p : 0;
	}
	if (!(caps & 8) || !at || at >= n)
		return 1;
	end = memchr(p + at, 0, n - at);
	if (end && end > p + at)
		fi_label(out, FI_L_DB_NAME, p + at, end - p - at);
	return 1;
}
#endif
