/* SPDX-License-Identifier: Apache-2.0 */
/* Walks that several signatures share; global functions: verified once, however many use them. */
#ifndef FI_WALK_H
#define FI_WALK_H

#include "../text.h"

#define FI_TLV_STEPS 8

enum fi_walk { FI_WALK_BAD = 0, FI_WALK_OPEN = 1, FI_WALK_EXACT = 2 };

/* Items of a 16-bit type and a 16-bit length from off to end (a message's end; may lie beyond the window). head: 4
 * when the length does not count its own header, else 0. EXACT: the items end where the message does. OPEN: no fault
 * in what could be seen. */
FI_FN __u32 fi_tlv16(const struct fi_win *w, __u32 off, __u32 end, __u32 head)
{
	__u32 bad = 0;

	if (!w)
		return FI_WALK_BAD;
	for (int i = 0; i < FI_TLV_STEPS; i++) {
		__u32 len;

		if (off + 4 > end || !fi_in(w, off, 4))
			break;
		len = fi_be16(w, off + 2) + head;
		bad |= fi_below(len, 4);
		off += len;
	}
	return bad || off > end ? FI_WALK_BAD : off == end ? FI_WALK_EXACT : FI_WALK_OPEN;
}

/* 1 + offset of the first byte c from offset `from` on and before `to` (at most FI_SCAN); 0 = none there. */
FI_FN __u32 fi_seek(const struct fi_win *w, __u32 c, __u32 from, __u32 to)
{
	__u32 at = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= to)
			break;
		at |= fi_equal(fi_at(w, i), c) * (__u32)(fi_in(w, i, 1) & 1) * (fi_below(i, from) ^ 1) * fi_equal(at, 0) * (i + 1);
	}
	return at;
}

/* What the bytes may be: of a metric's name with its tags; of numbers; anything printable. */
enum fi_class { FI_NAME = 1, FI_NUMBER = 2, FI_PRINT = 4 };

/* The classes of a character, as a table: comparing one by one costs the verifier ten times as much. */
static const __u8 fi_class_of[256] = {
	[' ' ... '"'] = 4, ['#'] = 5, ['$'] = 4, ['%'] = 5, ['&' ... '*'] = 4, ['+' ... '.'] = 7, ['/'] = 5, ['0' ... '9'] = 7,
	[':'] = 6, [';'] = 5, ['<'] = 4, ['='] = 5, ['>' ... '?'] = 4, ['@' ... 'D'] = 5, ['E'] = 7, ['F' ... 'Z'] = 5,
	['[' ... '^'] = 4, ['_'] = 5, ['`'] = 4, ['a' ... 'd'] = 5, ['e'] = 7, ['f' ... 'z'] = 5, ['{' ... '}'] = 4, ['~'] = 5,
};

/* All bytes in the window from `from` up to `to` (at most FI_SCAN) are of one of the classes. */
FI_FN __u32 fi_only(const struct fi_win *w, __u32 from, __u32 to, __u32 classes)
{
	__u32 bad = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= to)
			break;
		bad |= fi_equal(fi_class_of[fi_at(w, i)] & classes, 0) * (__u32)(fi_in(w, i, 1) & 1) * (fi_below(i, from) ^ 1);
	}
	return bad ^ 1;
}

/* Are these eight bytes anywhere in the first n (at most FI_SCAN) and what follows them? */
FI_FN __u32 fi_has_eight(const struct fi_win *w, __u64 word, __u32 n)
{
	__u32 found = 0;

	if (!w)
		return 0;
	for (__u32 i = 0; i < FI_SCAN; i++) {
		if (i >= n)
			break;
		__u64 diff = fi_be64(w, i) ^ word;

		found |= fi_equal(diff >> 32 | (diff & 0xffffffff), 0); /* in halves: fi_equal is for less than 64 bits */
	}
	return found;
}

#endif
