/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers for text protocols: lines, words, reply codes. */
#ifndef FI_TEXT_H
#define FI_TEXT_H

#include "sig.h"

/* Four characters as fi_be32 reads them. */
#define FI_WORD(a, b, c, d) ((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (__u32)(d))

/* The 4-byte word at off with letters in upper case (digits and most marks keep their value; good for comparing
 * with words of letters and spaces). */
fi_inline __u32 fi_word_upper(const struct fi_win *w, __u32 off)
{
	__u32 v = fi_be32(w, off), letters = v & 0x40404040u;

	return v & ~(letters >> 1);
}

/* Is the four-letter word (upper case) anywhere in the first n bytes? Any case. */
fi_inline int fi_has_word(const struct fi_win *w, __u32 word, __u32 n)
{
	__u32 found = 0;

	for (__u32 i = 0; i < n; i++) {
		__u32 diff = fi_word_upper(w, i) ^ word;

		found |= (__u32)(((__u64)diff - 1) >> 63);
	}
	return found;
}

/* "NNN " or "NNN-": a three-digit reply code, as a number; 0 when it is none. */
fi_inline __u32 fi_reply(const struct fi_win *w)
{
	__u32 a = fi_at(w, 0), b = fi_at(w, 1), c = fi_at(w, 2), d = fi_at(w, 3);

	if (!fi_range(a, '1', '6') || !fi_digit(b) || !fi_digit(c) || (d != ' ' && d != '-' && d != '\r'))
		return 0;
	return (a - '0') * 100 + (b - '0') * 10 + (c - '0');
}

/* Number of bytes before the first LF within n, or n when there is none: 1-based position of LF, 0 = none. */
fi_inline __u32 fi_line(const struct fi_win *w, __u32 n)
{
	__u32 at = 0;

	for (__u32 i = 0; i < n; i++) {
		__u32 hit = fi_at(w, i) == '\n' && at == 0;

		at |= hit * (i + 1);
	}
	return at;
}

/* No control characters but TAB, CR and LF, and no zero, in the first n bytes that are there. */
fi_inline int fi_is_text(const struct fi_win *w, __u32 n)
{
	__u32 bad = 0;

	for (__u32 i = 0; i < n; i++) {
		__u8 c = fi_at(w, i);

		bad |= (__u32)(c < 0x20 && c != '\t' && c != '\r' && c != '\n') & (__u32)fi_in(w, i, 1);
	}
	return !bad;
}

#endif
