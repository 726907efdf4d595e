/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the protocols with HTTP-like text: lines, start lines, and the few header fields that decide
 * something. Not a protocol of its own.
 *
 * Line ends are found eight bytes at a time: a loop over 512 single bytes would cost the verifier ten times
 * as much, and each packet too. */
#ifndef FI_HTTPTEXT_H
#define FI_HTTPTEXT_H

#include "../sig.h"

#define FI_NO_LINE      0xffff /* no line end in the window */
#define FI_METHOD_MAX   24     /* longest method token taken: BASELINE-CONTROL has 16 */
#define FI_HEADER_LINES 40

/* More bytes can still come into this window. */
fi_inline int fi_open(const struct fi_win *w)
{
	return !w->whole && w->len + w->at < FI_WINDOW;
}

/* Answer when the bytes so far are consistent but do not suffice. */
fi_inline fi_answer fi_wait(const struct fi_win *w)
{
	return fi_open(w) ? FI_MORE : FI_NO;
}

/* Unrolled loops keep every address at hand: the 512 bytes of stack would not do. */
#ifdef __clang__
#define FI_ROLLED   _Pragma("clang loop unroll(disable)")
#define FI_UNROLLED _Pragma("unroll")
#else
#define FI_ROLLED
#define FI_UNROLLED
#endif

/* Keeps the compiler from turning arithmetic back into branches: each one would double the verifier's states in a loop. */
fi_inline __u64 fi_opaque(__u64 v)
{
	__asm__ volatile("" : "+r"(v));
	return v;
}

/* 1 when lo <= c < lo + n, else 0, without a branch. A sign mask (0 or -1) would not do: new kernels explore both
 * values of one that meets a constant (6.18: maybe_fork_scalars). */
fi_inline __u32 fi_bit_range(__u8 c, __u8 lo, __u32 n)
{
	return fi_opaque((__u64)(__u8)(c - lo) - n) >> 63;
}

fi_inline int fi_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* Aligned eight bytes of data[], lowest address in the lowest byte. */
fi_inline __u64 fi_word(const struct fi_win *w, __u32 index)
{
	__u64 v;
#ifdef FI_HOST
	__builtin_memcpy(&v, &w->data[index & FI_WINDOW_MASK & ~7u], 8);
#else
	v = *(const __u64 *)&w->data[index & FI_WINDOW_MASK & ~7u];
#endif
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* Offset of the first LF at or after from, or FI_NO_LINE. */
FI_FN int fi_line_end(const struct fi_win *w, __u32 from)
{
	const __u64 ones = 0x0101010101010101ull;

	if (!w)
		return FI_NO_LINE;
	__u32 at = w->at & (FI_WINDOW - 1), first = at + (from & (FI_WINDOW - 1)), index = first & ~7u;
	/* Bytes of the first word that lie before `from` are made anything but LF. */
	__u64 before = (1ull << (first & 7) * 8) - 1, zero = 0;

	FI_ROLLED
	for (__u32 i = 0; i < FI_WINDOW / 8 + 1; i++) {
		__u64 diff = (fi_word(w, index) ^ ones * '\n') | before;

		zero = (diff - ones) & ~diff & ones << 7; /* lowest bit set: the first LF */
		if (zero)
			break;
		before = 0;
		index += 8;
		if (index >= at + w->len)
			break;
	}
	if (!zero)
		return FI_NO_LINE;
	zero &= -zero;
	index += (zero >> 7) * 0x0001020304050607ull >> 56; /* which byte of the word */
	index -= at;
	return index < w->len ? index : FI_NO_LINE;
}

/* 1 when all bytes from `from` to `to` are visible ASCII, neither blank nor control. */
FI_FN int fi_visible(const struct fi_win *w, __u32 from, __u32 to)
{
	const __u64 ones = 0x0101010101010101ull;
	__u64 bad = 0;

	if (!w || to > FI_WINDOW || from > to)
		return 0;
	__u32 at = w->at & (FI_WINDOW - 1), first = at + from, last = at + to, index = first & ~7u;
	__u64 skip = (1ull << (first & 7) * 8) - 1, v; /* bytes of the word that do not count */

	FI_ROLLED
	for (__u32 i = 0; i < FI_WINDOW / 8 + 1; i++) {
		if (index + 8 > last)
			break;
		v = (fi_word(w, index) & ~skip) | (ones * 'a' & skip);
		bad |= v | (v - ones * 0x21) | (v + ones); /* high bits: not ASCII, below '!', DEL */
		skip = 0;
		index += 8;
	}
	skip |= ~0ull << (last & 7) * 8; /* the last word, or none of it */
	v = (fi_word(w, index) & ~skip) | (ones * 'a' & skip);
	bad |= v | (v - ones * 0x21) | (v + ones);
	return !(bad & ones << 7);
}

/* End of the line that the LF at `lf` ends, without CR and up to two blanks. */
FI_FN int fi_line_trim(const struct fi_win *w, __u32 lf)
{
	__u32 end = lf;

	if (!w)
		return 0;
	if (end && fi_at(w, end - 1) == '\r')
		end--;
	if (end && fi_blank(fi_at(w, end - 1)))
		end--;
	if (end && fi_blank(fi_at(w, end - 1)))
		end--;
	return end;
}

/* Empty lines before a start line: RFC 9112 §2.2, RFC 3261 §7.5. At most two are passed over. */
FI_FN int fi_line_skip(const struct fi_win *w)
{
	__u32 n = 0, still = 1;

	if (!w)
		return 0;
	FI_UNROLLED
	for (__u32 i = 0; i < 4; i++) {
		__u8 c = fi_at(w, i);

		still &= fi_bit_range(c, '\n', 1) | fi_bit_range(c, '\r', 1);
		n += still;
	}
	return n;
}

/* Start of a request line: `METHOD SP`. Returns the length of the method; 0: not a request line; FI_METHOD_MAX:
 * cut inside the method. Bit 8: there are lower-case letters in it. */
FI_FN int fi_method(const struct fi_win *w, __u32 from)
{
	if (!w)
		return 0;
	__u32 n = 0, still = 1, lower = 0;

	FI_ROLLED
	for (__u32 i = 0; i < FI_METHOD_MAX; i++) {
		__u8 c = fi_at(w, from + i);
		__u32 small = fi_bit_range(c, 'a', 26);
		/* '-' for M-SEARCH, '_' for GET_PARAMETER */
		__u32 ok =
			fi_bit_range(c, 'A', 26) | fi_bit_range(c, '-', 1) | fi_bit_range(c, '_', 1) | small;

		still &= ok;
		lower |= still & small;
		n += still;
	}
	if (n == 0 || n == FI_METHOD_MAX)
		return 0;
	if (from + n >= w->len)
		return FI_METHOD_MAX;
	if (!fi_blank(fi_at(w, from + n)))
		return 0;
	return n | lower << 8;
}

/* Three digits at off and then none: a status code. */
fi_inline int fi_status(const struct fi_win *w, __u32 off)
{
	return fi_range(fi_at(w, off), '1', '9') && fi_digit(fi_at(w, off + 1)) &&
	       fi_digit(fi_at(w, off + 2)) && !fi_digit(fi_at(w, off + 3));
}

/* Header fields that decide something. */
enum fi_header {
	FI_H_END = 1,       /* the empty line */
	FI_H_WEBSOCKET = 2, /* Upgrade: websocket */
	FI_H_H2C = 4,       /* Upgrade: h2c */
	FI_H_WS_KEY = 8,    /* Sec-WebSocket-Key */
	FI_H_GRPC_WEB = 16, /* Content-Type: application/grpc-web… */
	FI_H_SSDP = 32,     /* ST, NT, NTS, USN, EXT */
};

/* First byte of the value, after the colon at off - 1. */
fi_inline __u32 fi_value(const struct fi_win *w, __u32 off)
{
	off += fi_bit_range(fi_at(w, off), ' ', 1);
	off += fi_bit_range(fi_at(w, off), ' ', 1);
	return off;
}

/* Eight bytes as lower-case letters, big-endian; other characters change too, so the constants are made by the same. */
#define FI_FOLD8(v) ((v) | 0x2020202020202020ull)
#define FI_CHARS(a, b, c, d, e, f, g, h)                                                                \
	((__u64)(a) << 56 | (__u64)(b) << 48 | (__u64)(c) << 40 | (__u64)(d) << 32 | (__u64)(e) << 24 | \
	 (__u64)(f) << 16 | (__u64)(g) << 8 | (__u64)(h))

/* What the header line at off is. Names are compared eight bytes at once: byte by byte, ten names would fill the
 * stack with addresses. */
FI_FN int fi_header_at(const struct fi_win *w, __u32 off)
{
	if (!w)
		return 0;
	off &= FI_WINDOW - 1;
	__u64 a = FI_FOLD8(fi_be64(w, off)), b = FI_FOLD8(fi_be64(w, off + 8)), v, x;

	if (fi_at(w, off) == '\n' || fi_be16(w, off) == 0x0d0a)
		return FI_H_END;
	if (a == FI_CHARS('u', 'p', 'g', 'r', 'a', 'd', 'e', ':')) {
		v = fi_value(w, off + 8);
		x = FI_FOLD8(fi_be64(w, v));
		if (x == FI_CHARS('w', 'e', 'b', 's', 'o', 'c', 'k', 'e') && (fi_at(w, v + 8) | 0x20) == 't')
			return FI_H_WEBSOCKET;
		return (fi_be24(w, v) | 0x202020) == FI_CHARS(0, 0, 0, 0, 0, 'h', '2', 'c') ? FI_H_H2C : 0;
	}
	if (a == FI_CHARS('s', 'e', 'c', '-', 'w', 'e', 'b', 's') &&
	    b == FI_CHARS('o', 'c', 'k', 'e', 't', '-', 'k', 'e'))
		return fi_at(w, off + 17) == ':' ? FI_H_WS_KEY : 0;
	if (a == FI_CHARS('c', 'o', 'n', 't', 'e', 'n', 't', '-') &&
	    b >> 24 == FI_CHARS(0, 0, 0, 't', 'y', 'p', 'e', ':')) {
		v = fi_value(w, off + 13);
		return fi_fit_nocase(w, v, "application/grpc-web") == FI_FIT_YES ? FI_H_GRPC_WEB : 0;
	}
	x = fi_be32(w, off) | 0x20202020;
	if (x == FI_CHARS(0, 0, 0, 0, 'n', 't', 's', ':') || x == FI_CHARS(0, 0, 0, 0, 'u', 's', 'n', ':') ||
	    x == FI_CHARS(0, 0, 0, 0, 'e', 'x', 't', ':'))
		return FI_H_SSDP;
	x >>= 8;
	return x == FI_CHARS(0, 0, 0, 0, 0, 's', 't', ':') || x == FI_CHARS(0, 0, 0, 0, 0, 'n', 't', ':')
		       ? FI_H_SSDP
		       : 0;
}

/* Header fields of the message whose start line begins at from: enum fi_header bits of what lies before the empty
 * line. Bits only ever come with more bytes, never go. */
FI_FN int fi_headers(const struct fi_win *w, __u32 from)
{
	int bits = 0;

	if (!w)
		return 0;
	FI_ROLLED
	for (__u32 i = 0; i < FI_HEADER_LINES; i++) {
		from = fi_line_end(w, from) + 1;
		if (from >= FI_WINDOW)
			break;
		bits |= fi_header_at(w, from);
		if (bits & FI_H_END)
			break;
	}
	return bits;
}

#endif
