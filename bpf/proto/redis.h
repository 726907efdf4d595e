/* SPDX-License-Identifier: Apache-2.0 */
/* RESP2 and RESP3 (Redis, Valkey, KeyDB, …). The type byte alone fits 5 % of all ciphertext, so the first element is
 * read by its grammar, with the number, its CR LF, and what must come behind it. "+OK" and "-ERR" are POP3 and NATS as
 * well: they count only with other evidence. */
#include "../text.h"
#ifdef FI_HOST
#include "../labels.h"
#endif

FI_PROTO(redis, 12, 45, FI_TCP, "Redis serialization protocol", FI_PORTS(6379, 26379), FI_THEN());

#define FI_RESP_DIGITS 10
#define FI_RESP_COMMAND 24 /* the longest command name has 16 letters */

/* Number and CR LF at off: fit | negative << 2 | offset behind << 8 | value << 32. */
#define FI_RESP_FIT(r) ((enum fi_fit)((r) & 3))
#define FI_RESP_NEG(r) ((__u32)((r) >> 2 & 1))
#define FI_RESP_END(r) ((__u32)((r) >> 8 & 0xffff))
#define FI_RESP_VALUE(r) ((__u32)((r) >> 32))
FI_FN __u64 fi_resp_number(const struct fi_win *w, __u32 off)
{
	__u32 live = 1, digits = 0, neg;
	__u64 value = 0;

	if (!w || off > FI_WINDOW)
		return FI_FIT_NO;
	neg = fi_equal(fi_at(w, off), '-');
	off += neg;
	for (__u32 i = 0; i < FI_RESP_DIGITS; i++) {
		__u8 c = fi_at(w, off + i);
		__u64 mask;

		live &= fi_digit(c);
		mask = 0ull - live;
		FI_OPAQUE(mask);
		value += (value * 9 + (c & 15)) & mask;
		digits += live;
	}
	off += digits;
	if (!fi_in(w, off, 1))
		return FI_FIT_MORE;
	if (digits == 0 || fi_at(w, off) != '\r' || value >> 31 || (neg && value != 1))
		return FI_FIT_NO;
	if (!fi_in(w, off, 2))
		return FI_FIT_MORE;
	return fi_at(w, off + 1) != '\n' ? FI_FIT_NO : (FI_FIT_YES | neg << 2 | (off + 2) << 8 | value << 32);
}

/* Are the n bytes at off those of a command name? */
FI_FN __u32 fi_resp_command(const struct fi_win *w, __u32 off, __u32 n)
{
	__u32 bad = 0;

	if (!w || n == 0)
		return 0;
	for (__u32 i = 0; i < FI_RESP_COMMAND; i++) {
		__u8 c = fi_at(w, off + i);

		bad |= fi_below(i, n) & ((fi_alpha(c) | fi_digit(c) | fi_range(c, '-', '.') | fi_equal(c, '_')) ^ 1);
	}
	return (bad ^ 1) & fi_alpha(fi_at(w, off));
}

/* Bytes of a bulk string at off, then CR LF: seen, out of sight, or wrong. */
fi_inline enum fi_fit fi_resp_bulk(const struct fi_win *w, __u32 off, __u32 n)
{
	if (n > FI_WINDOW || off + n + 2 > FI_WINDOW)
		return FI_FIT_YES;
	return fi_fit(w, off + n, "\r\n");
}

/* First element of an aggregate, at off: a type byte and its number. Only '$' is followed further: commands are it. */
fi_inline fi_answer fi_resp_inner(const struct fi_win *w, __u32 off)
{
	__u32 type = fi_at(w, off), n, end;

	if (!fi_in(w, off, 1))
		return FI_MORE;
	if (type == '+' || type == '-' || type == ',' || type == '(' || type == '#' || type == '_')
		return fi_in(w, off + 1, 1) ? FI_HIT(FI_FAIR, FI_SERVER, 2, 0) : FI_MORE;
	if (!(fi_equal(type, '$') | fi_equal(type, ':') | fi_equal(type, '*') | fi_equal(type, '%') | fi_equal(type, '~') |
	      fi_equal(type, '=') | fi_equal(type, '>')))
		return FI_NO;
	__u64 r = fi_resp_number(w, off + 1);

	if (FI_RESP_FIT(r) != FI_FIT_YES)
		return (fi_answer)FI_RESP_FIT(r);
	n = FI_RESP_VALUE(r);
	end = FI_RESP_END(r);
	if (type != '$' || FI_RESP_NEG(r) || n == 0 || n > FI_RESP_COMMAND)
		return type == '$' && !FI_RESP_NEG(r) ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	enum fi_fit fit = fi_resp_bulk(w, end, n);

	if (fit != FI_FIT_YES)
		return (fi_answer)fit;
	return fi_resp_command(w, end, n) ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
}

/* "+..." and "-...": a line of text. Words that only RESP has are fair alone. */
fi_inline fi_answer fi_resp_status(const struct fi_win *w)
{
	__u32 line = fi_line(w, 200), word = fi_be32(w, 1), own, grade = FI_WEAK, next;

	if (!fi_is_text(w, 200 < w->len && line == 0 ? 200 : line ? line : w->len))
		return FI_NO;
	if (line == 0)
		return w->len < 200 ? FI_MORE : FI_NO;
	if (line < 4 || fi_at(w, line - 2) != '\r')
		return FI_NO;
	if (fi_at(w, 0) == '+')
		own = fi_equal(word, FI_WORD('P', 'O', 'N', 'G')) | fi_equal(word, FI_WORD('Q', 'U', 'E', 'U')) |
		      fi_equal(word, FI_WORD('F', 'U', 'L', 'L')) | (fi_equal(word, FI_WORD('C', 'O', 'N', 'T')) & fi_equal(line, 11));
	else
		own = fi_equal(word, FI_WORD('W', 'R', 'O', 'N')) | fi_equal(word, FI_WORD('N', 'O', 'A', 'U')) |
		      fi_equal(word, FI_WORD('M', 'O', 'V', 'E')) | fi_equal(word, FI_WORD('A', 'S', 'K', ' ')) |
		      fi_equal(word, FI_WORD('L', 'O', 'A', 'D')) | fi_equal(word, FI_WORD('N', 'O', 'S', 'C')) |
		      fi_equal(word, FI_WORD('R', 'E', 'A', 'D')) | fi_equal(word, FI_WORD('E', 'X', 'E', 'C')) |
		      fi_equal(word, FI_WORD('M', 'I', 'S', 'C')) | fi_equal(word, FI_WORD('C', 'L', 'U', 'S')) |
		      fi_equal(word, FI_WORD('C', 'R', 'O', 'S')) | fi_equal(word, FI_WORD('D', 'E', 'N', 'I')) |
		      fi_equal(word, FI_WORD('N', 'O', 'P', 'E'));
	next = fi_at(w, line);
	if (fi_in(w, line, 1) && next == '$' && FI_RESP_FIT(fi_resp_number(w, line + 1)) == FI_FIT_YES)
		own = 1; /* pipelined: a bulk string behind it */
	if (own || fi_port(w, 6379))
		grade = FI_FAIR;
	return FI_HIT(grade, FI_SERVER, 3, 0);
}

/* Commands typed by hand or by probes: a word that is not also a memcached, NATS or mail command by chance. */
fi_inline fi_answer fi_resp_inline(const struct fi_win *w)
{
	__u32 word = fi_word_upper(w, 0), fifth = fi_at(w, 4), hit, line;

	if (!fi_alpha(fi_at(w, 0)) || (w->len > 1 && !fi_alpha(fi_at(w, 1))) || (w->len > 2 && !fi_alpha(fi_at(w, 2))))
		return FI_NO;
	if (w->len < 4)
		return FI_MORE;
	hit = fi_equal(word, FI_WORD('P', 'I', 'N', 'G')) | fi_equal(word, FI_WORD('I', 'N', 'F', 'O')) |
	      fi_equal(word, FI_WORD('K', 'E', 'Y', 'S')) | fi_equal(word, FI_WORD('E', 'C', 'H', 'O')) |
	      fi_equal(word, FI_WORD('I', 'N', 'C', 'R')) | fi_equal(word, FI_WORD('D', 'E', 'C', 'R')) |
	      fi_equal(word, FI_WORD('T', 'I', 'M', 'E')) | fi_equal(word, FI_WORD('R', 'O', 'L', 'E')) |
	      fi_equal(word, FI_WORD('G', 'E', 'T', ' ')) | fi_equal(word, FI_WORD('S', 'E', 'T', ' ')) |
	      fi_equal(word, FI_WORD('D', 'E', 'L', ' ')) | fi_equal(word, FI_WORD('A', 'U', 'T', 'H'));
	hit &= fi_equal(word & 0xff, ' ') | fi_equal(fifth, ' ') | fi_equal(fifth, '\r') | fi_equal(fifth, '\n') | ((__u32)(fi_in(w, 4, 1) & 1) ^ 1);
	hit |= fi_equal(word, FI_WORD('C', 'O', 'N', 'F')) | fi_equal(word, FI_WORD('F', 'L', 'U', 'S')) |
	       fi_equal(word, FI_WORD('M', 'O', 'N', 'I')) | fi_equal(word, FI_WORD('D', 'B', 'S', 'I')) |
	       fi_equal(word, FI_WORD('C', 'O', 'M', 'M')) | fi_equal(word, FI_WORD('E', 'X', 'I', 'S')) |
	       fi_equal(word, FI_WORD('S', 'L', 'A', 'V')) | fi_equal(word, FI_WORD('R', 'E', 'P', 'L')) |
	       fi_equal(word, FI_WORD('M', 'U', 'L', 'T')) | fi_equal(word, FI_WORD('H', 'G', 'E', 'T')) |
	       fi_equal(word, FI_WORD('L', 'P', 'U', 'S')) | fi_equal(word, FI_WORD('Z', 'A', 'D', 'D'));
	if (!hit)
		return FI_NO;
	line = fi_line(w, 200);
	if (!fi_is_text(w, line ? line : w->len))
		return FI_NO;
	if (line == 0)
		return w->len < 200 ? FI_MORE : FI_NO;
	return FI_HIT(fi_port(w, 6379) ? FI_FAIR : FI_WEAK, FI_CLIENT, 4, 0);
}

/* FI_SIGNATURES 1 "command" 2 "array, map, set or push" 3 "status or error" 4 "inline command" 5 "bulk string" 6 "number, null or boolean" */
FI_SIG(redis)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0), end;

	if (w->len == 0)
		return FI_MORE;
	if (type == '+' || type == '-')
		return fi_resp_status(w);
	if (type == '_' || type == '#') {
		enum fi_fit fit = type == '_' ? fi_fit(w, 1, "\r\n") : fi_fit(w, 2, "\r\n");

		if (fit == FI_FIT_NO || (type == '#' && w->len > 1 && fi_at(w, 1) != 't' && fi_at(w, 1) != 'f'))
			return FI_NO;
		return fit == FI_FIT_MORE ? FI_MORE : FI_HIT(FI_WEAK, FI_SERVER, 6, 0);
	}
	if (!(fi_equal(type, '$') | fi_equal(type, ':') | fi_equal(type, '*') | fi_equal(type, '%') | fi_equal(type, '~') |
	      fi_equal(type, '>') | fi_equal(type, '=') | fi_equal(type, '!')))
		return fi_resp_inline(w);
	__u64 r = fi_resp_number(w, 1);

	if (FI_RESP_FIT(r) != FI_FIT_YES)
		return (fi_answer)FI_RESP_FIT(r);
	end = FI_RESP_END(r);
	if (type == ':') {
		/* ":1" and a line end is little; two of them are not */
		r = fi_in(w, end, 1) && fi_at(w, end) == ':' ? fi_resp_number(w, end + 1) : 0;
		return FI_HIT(FI_RESP_FIT(r) == FI_FIT_YES || fi_port(w, 6379) ? FI_FAIR : FI_WEAK, FI_SERVER, 6, 0);
	}
	if (FI_RESP_NEG(r))
		return type == '$' ? FI_HIT(FI_FAIR, FI_SERVER, 5, 0) : FI_HIT(FI_WEAK, FI_SERVER, 2, 0);
	if (type == '$' || type == '!' || type == '=') {
		enum fi_fit fit = fi_resp_bulk(w, end, FI_RESP_VALUE(r));

		if (fit != FI_FIT_YES)
			return (fi_answer)fit;
		return FI_RESP_VALUE(r) < FI_WINDOW ? FI_HIT(FI_STRONG, FI_SERVER, 5, 0) : FI_HIT(FI_FAIR, FI_SERVER, 5, 0);
	}
	if (FI_RESP_VALUE(r) == 0)
		return FI_HIT(fi_port(w, 6379) ? FI_FAIR : FI_WEAK, FI_SERVER, 2, 0);
	return fi_resp_inner(w, end);
}

#ifdef FI_HOST
/* The first command, in capitals. */
FI_LABELS(redis)
{
	char name[FI_RESP_COMMAND];
	__u32 at = 0, n = 0;

	if (t->who != FI_CLIENT)
		return 1;
	if (t->len && t->data[0] == '*') { /* behind the second line end */
		for (int line = 0; line < 2; line++) {
			const __u8 *lf = fi_text_find(t, at, '\n');

			if (!lf)
				return at > 64;
			at = lf - t->data + 1;
		}
	}
	for (; at < t->len && n < sizeof(name); at++, n++) {
		__u8 c = t->data[at];

		if (c <= ' ')
			break;
		name[n] = c >= 'a' && c <= 'z' ? c - 32 : c;
	}
	if (at >= t->len && !t->last)
		return 0;
	if (n)
		fi_label(out, FI_L_DB_COMMAND, name, n);
	return 1;
}
#endif
