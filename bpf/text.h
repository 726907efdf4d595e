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

/* Scans look at this many bytes at most. */
#define FI_SCAN 256

/* Is the four-letter word (upper case) anywhere in the first n bytes? Any case. A global function: its loop is
 * verified once, however many signatures use it. */
FI_FN __u32 fi_has_word(const struct fi_win *w, __u32 word, __u32 n)
{
	__u32 found = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= n)
			break;
		found |= fi_equal(fi_word_upper(w, i), word);
	}
	return found;
}

/* "NNN " or "NNN-": a three-digit reply code, as a number; 0 when it is none. */
fi_inline __u32 fi_reply(const struct fi_win *w)
{
	__u32 a = fi_at(w, 0), b = fi_at(w, 1), c = fi_at(w, 2), d = fi_at(w, 3);

	if (!(fi_range(a, '1', '6') & fi_digit(b) & fi_digit(c) & (fi_equal(d, ' ') | fi_equal(d, '-') | fi_equal(d, '\r'))))
		return 0;
	return (a - '0') * 100 + (b - '0') * 10 + (c - '0');
}

/* Length of the first line with its LF, when that is within n bytes; else 0. */
FI_FN __u32 fi_line(const struct fi_win *w, __u32 n)
{
	__u32 at = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= n)
			break;
		at |= fi_equal(fi_at(w, i), '\n') * fi_equal(at, 0) * (i + 1);
	}
	return at;
}

/* No control characters but TAB, CR and LF, and no zero, in the first n bytes that are there. */
FI_FN __u32 fi_is_text(const struct fi_win *w, __u32 n)
{
	__u32 bad = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= n)
			break;
		__u8 c = fi_at(w, i);

		bad |= fi_below(c, 0x20) & (fi_equal(c, '\t') ^ 1) & (fi_equal(c, '\r') ^ 1) & (fi_equal(c, '\n') ^ 1) & (__u32)fi_in(w, i, 1);
	}
	return bad ^ 1;
}

#endif
