/* SPDX-License-Identifier: Apache-2.0 */
/* memcached: text commands with their meta variants, the binary protocol, and both over UDP behind a header of eight
 * bytes. "get " and "set " begin lines of other protocols, too: storage commands count only with their numbers. */
#include "../text.h"
#ifdef FI_HOST
#include "../labels.h"
#endif

FI_PROTO(memcached, 17, 46, FI_TCP | FI_UDP, "memcached", FI_PORTS(11211), FI_THEN());

#define FI_MC_HEADER 24
#define FI_MC_LINE 200

/* Words in a line from off on, and whether the words behind the second are numbers: number of words | bad << 8.
 * Ends at CR, LF or a zero. */
FI_FN __u32 fi_mc_words(const struct fi_win *w, __u32 off, __u32 n)
{
	__u32 words = 0, gap = 1, live = 1, bad = 0;

	if (!w || off > 8)
		return 0;
	for (__u32 i = 0; i < FI_MC_LINE; i++) {
		if (i >= n)
			break;
		__u8 c = fi_at(w, off + i);
		__u32 space = fi_equal(c, ' '), stop = fi_below(c, 0x20);

		live &= stop ^ 1;
		words += live & gap & (space ^ 1);
		/* words 3 to 5: flags, expiry, size; a sixth is "noreply" or the unique id of "cas" */
		bad |= live & (space ^ 1) & fi_range(words, 3, 5) & ((fi_digit(c) | (fi_equal(c, '-') & gap)) ^ 1);
		gap = space;
	}
	return words | bad << 8;
}

/* Text at off (0, or 8 behind a UDP header), with its first line complete: grade and direction as an answer. */
fi_inline fi_answer fi_mc_text(const struct fi_win *w, __u32 off)
{
	__u32 word = fi_be32(w, off), next = fi_be32(w, off + 4), line, known, words, port = fi_port(w, 11211);

	if (!fi_alpha(fi_at(w, off)) || (fi_in(w, off + 1, 1) && !fi_alpha(fi_at(w, off + 1))))
		return FI_NO;
	if (!fi_in(w, off, 4))
		return FI_MORE;
	__u32 store = fi_equal(word, FI_WORD('s', 'e', 't', ' ')) | fi_equal(word, FI_WORD('a', 'd', 'd', ' ')) |
		      fi_equal(word, FI_WORD('r', 'e', 'p', 'l')) | fi_equal(word, FI_WORD('a', 'p', 'p', 'e')) |
		      fi_equal(word, FI_WORD('p', 'r', 'e', 'p')) | fi_equal(word, FI_WORD('c', 'a', 's', ' '));
	__u32 other = fi_equal(word, FI_WORD('g', 'e', 't', ' ')) | fi_equal(word, FI_WORD('g', 'e', 't', 's')) |
		      fi_equal(word, FI_WORD('g', 'a', 't', ' ')) | fi_equal(word, FI_WORD('g', 'a', 't', 's')) |
		      fi_equal(word, FI_WORD('i', 'n', 'c', 'r')) | fi_equal(word, FI_WORD('d', 'e', 'c', 'r')) |
		      fi_equal(word, FI_WORD('d', 'e', 'l', 'e')) | fi_equal(word, FI_WORD('t', 'o', 'u', 'c')) |
		      fi_equal(word, FI_WORD('s', 't', 'a', 't')) | fi_equal(word, FI_WORD('v', 'e', 'r', 's')) |
		      fi_equal(word, FI_WORD('f', 'l', 'u', 's')) | fi_equal(word, FI_WORD('v', 'e', 'r', 'b')) |
		      fi_equal(word >> 8, 'm' << 16 | 'g' << 8 | ' ') | fi_equal(word >> 8, 'm' << 16 | 's' << 8 | ' ') |
		      fi_equal(word >> 8, 'm' << 16 | 'd' << 8 | ' ') | fi_equal(word >> 8, 'm' << 16 | 'a' << 8 | ' ') |
		      fi_equal(word, FI_WORD('m', 'n', '\r', '\n'));
	__u32 value = fi_equal(word, FI_WORD('V', 'A', 'L', 'U')), stat = fi_equal(word, FI_WORD('S', 'T', 'A', 'T'));
	__u32 reply = value | stat | fi_equal(word, FI_WORD('S', 'T', 'O', 'R')) | fi_equal(word, FI_WORD('N', 'O', 'T', '_')) |
		      fi_equal(word, FI_WORD('E', 'X', 'I', 'S')) | fi_equal(word, FI_WORD('D', 'E', 'L', 'E')) |
		      fi_equal(word, FI_WORD('T', 'O', 'U', 'C')) | fi_equal(word, FI_WORD('S', 'E', 'R', 'V')) |
		      fi_equal(word, FI_WORD('C', 'L', 'I', 'E')) | fi_equal(word, FI_WORD('V', 'E', 'R', 'S')) |
		      fi_equal(word, FI_WORD('E', 'N', 'D', '\r')) | fi_equal(word, FI_WORD('H', 'D', '\r', '\n')) |
		      fi_equal(word, FI_WORD('E', 'N', '\r', '\n')) | fi_equal(word >> 8, 'V' << 16 | 'A' << 8 | ' ');

	if (!(store | other | reply))
		return FI_NO;
	known = 0;
	words = fi_mc_words(w, off, FI_MC_LINE);
	if (off == 0) {
		line = fi_line(w, FI_MC_LINE);
		if (!fi_is_text(w, line ? line : w->len < FI_MC_LINE ? w->len : FI_MC_LINE))
			return FI_NO;
		/* a request for many keys is longer than the line that is looked at */
		if (line == 0 && !fi_in(w, 0, FI_MC_LINE))
			return FI_MORE;
		if (line == 0 && (word >> 8) != ('g' << 16 | 'e' << 8 | 't'))
			return FI_NO;
	}
	if (store) {
		__u32 n = words & 0xff;

		if (words >> 8 || n < 5 || n > 7)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, off);
	}
	if (reply) {
		if (value) /* key, flags, size */
			known = words == 4 || words == 5 ? FI_STRONG : 0;
		else if (stat)
			known = next >> 24 == ' ' && (words & 0xff) >= 3 ? FI_FAIR : 0;
		else if (word == FI_WORD('S', 'T', 'O', 'R'))
			known = next == FI_WORD('E', 'D', '\r', '\n') ? FI_FAIR : 0;
		else if (word == FI_WORD('N', 'O', 'T', '_'))
			known = next == FI_WORD('S', 'T', 'O', 'R') || next == FI_WORD('F', 'O', 'U', 'N') ? FI_FAIR : 0;
		else if (word == FI_WORD('E', 'X', 'I', 'S'))
			known = next == FI_WORD('T', 'S', '\r', '\n') ? FI_WEAK : 0;
		else if (word == FI_WORD('D', 'E', 'L', 'E') || word == FI_WORD('T', 'O', 'U', 'C'))
			known = next == FI_WORD('T', 'E', 'D', '\r') || next == FI_WORD('H', 'E', 'D', '\r') ? FI_FAIR : 0;
		else if (word == FI_WORD('S', 'E', 'R', 'V') || word == FI_WORD('C', 'L', 'I', 'E'))
			known = next == FI_WORD('E', 'R', '_', 'E') || next == FI_WORD('N', 'T', '_', 'E') ? FI_FAIR : 0;
		else if (word == FI_WORD('V', 'E', 'R', 'S'))
			known = next == FI_WORD('I', 'O', 'N', ' ') ? FI_WEAK : 0;
		else
			known = FI_WEAK;
		if (known == 0)
			return FI_NO;
		return known == FI_STRONG ? FI_HIT(FI_STRONG, FI_SERVER, 2, off) :
		       known == FI_FAIR || port ? FI_HIT(FI_FAIR, FI_SERVER, 2, off) : FI_HIT(FI_WEAK, FI_SERVER, 2, off);
	}
	return FI_HIT(port ? FI_FAIR : FI_WEAK, FI_CLIENT, 1, off);
}

/* Extras of a request, by operation: 16 + size; 0 = not an operation of memcached (Couchbase has more). */
fi_inline __u32 fi_mc_extras(__u32 op)
{
	switch (op) {
	case 0x00: case 0x09: case 0x0c: case 0x0d: case 0x04: case 0x14: case 0x07: case 0x17: case 0x0a: case 0x0b: case 0x0e: case 0x0f:
	case 0x19: case 0x1a: case 0x10: case 0x20: case 0x21: case 0x22:
		return 16;
	case 0x01: case 0x02: case 0x03: case 0x11: case 0x12: case 0x13:
		return 16 + 8;
	case 0x05: case 0x06: case 0x15: case 0x16:
		return 16 + 20;
	case 0x08: case 0x18: case 0x1c: case 0x1d: case 0x1e: case 0x1b:
		return 16 + 4;
	}
	return 0;
}

/* Binary header: magic, operation, sizes that fit each other. */
fi_inline fi_answer fi_mc_binary(const struct fi_win *w, __u32 off)
{
	__u32 magic = fi_at(w, off), op = fi_at(w, off + 1), key = fi_be16(w, off + 2), extras = fi_at(w, off + 4);
	__u32 status = fi_be16(w, off + 6), body = fi_be32(w, off + 8), want = fi_mc_extras(op), next = off + FI_MC_HEADER + body;

	if (fi_in(w, off + 1, 1) && !want)
		return FI_NO;
	if (!fi_in(w, off, FI_MC_HEADER))
		return w->whole ? FI_NO : FI_MORE;
	if (key > 250 || fi_at(w, off + 5) || body < key + extras || body > 1u << 26)
		return FI_NO;
	if (w->whole && next > w->total)
		return FI_NO;
	if (fi_in(w, next, 2) && (fi_at(w, next) != magic || !fi_mc_extras(fi_at(w, next + 1))))
		return FI_NO;
	if (magic == 0x80) {
		/* expiry of flush and touch may be left out; a vbucket is Couchbase's */
		if (status || (extras != want - 16 && extras))
			return FI_NO;
		if (extras == 0 && want == 16 && body != key && op != 0x0e && op != 0x0f && op != 0x19 && op != 0x1a && op != 0x21 && op != 0x22)
			return FI_NO;
		return key || body == 0 ? FI_HIT(FI_FAIR, FI_CLIENT, 3, off) : FI_NO;
	}
	if (status > 0x86 || (status && (key || extras)))
		return FI_NO;
	return (extras == 0 || extras == 4) && (key == 0 || op == 0x0c || op == 0x0d || op == 0x10) ? FI_HIT(FI_FAIR, FI_SERVER, 4, off) : FI_NO;
}

/* FI_SIGNATURES 1 "text command" 2 "text reply" 3 "binary request" 4 "binary response" */
FI_SIG(memcached)
{
	FI_CHECK(w);
	__u32 off = w->l4 == FI_UDP ? 8 : 0, first = fi_at(w, off);

	if (off) { /* request id, number of this datagram, of how many, zero */
		if (w->total < 12 || fi_be16(w, 6) || !fi_be16(w, 4) || fi_be16(w, 2) >= fi_be16(w, 4) || fi_be16(w, 4) > 1024)
			return FI_NO;
		if (fi_be16(w, 2))
			return FI_NO; /* not the first part: no line begins here */
	}
	if (!fi_in(w, off, 1))
		return off ? FI_NO : FI_MORE;
	return first == 0x80 || first == 0x81 ? fi_mc_binary(w, off) : fi_mc_text(w, off);
}

#ifdef FI_HOST
/* First word of a text command. */
FI_LABELS(memcached)
{
	__u32 at = t->l4 == FI_UDP ? 8 : 0, n = 0;

	if (t->who != FI_CLIENT || (t->len > at && t->data[at] & 0x80))
		return 1;
	while (at + n < t->len && t->data[at + n] > ' ' && n < 16)
		n++;
	if (at + n >= t->len && !t->last)
		return 0;
	if (n && n < 16)
		fi_label(out, FI_L_DB_COMMAND, t->data + at, n);
	return 1;
}
#endif
