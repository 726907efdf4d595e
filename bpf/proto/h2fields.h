/* SPDX-License-Identifier: Apache-2.0 */
/* As much of HPACK (RFC 7541) as can be read without its dynamic table: where each field begins and ends, and the static
 * names and values. Shared by the protocols over HTTP/2; the whole decoder, for labels, is hpack.h. */
#ifndef FI_H2FIELDS_H
#define FI_H2FIELDS_H

#include "../sig.h"
#include "httptext.h"

#define FI_H2_FIELDS 32 /* fields of one header block that are walked */

/* What the fields of a header block say. */
enum fi_h2_fact {
	FI_F2_CUT = 1,         /* the window ends inside the block */
	FI_F2_BAD = 2,         /* not HPACK */
	FI_F2_PSEUDO = 4,      /* some static pseudo-header */
	FI_F2_GET = 8,         /* :method GET */
	FI_F2_POST = 16,       /* :method POST */
	FI_F2_STATUS = 32,     /* :status */
	FI_F2_GRPC = 64,       /* content-type application/grpc, alone or followed by + or ; */
	FI_F2_GRPC_WEB = 128,  /* content-type application/grpc-web… */
	FI_F2_TYPE = 256,      /* another content-type */
	FI_F2_WEBSOCKET = 512, /* :protocol websocket */
	FI_F2_END = 1024,      /* the whole block was read */
};

/* HPACK integer with the prefix `mask` at off (§5.1), up to two more bytes: value | bytes used << 32. */
fi_inline __u64 fi_h2_int(const struct fi_win *w, __u32 off, __u32 mask)
{
	__u32 v = fi_at(w, off) & mask, a = fi_at(w, off + 1), b = fi_at(w, off + 2);
	__u32 one = -(v == mask), two = one & -(a >> 7);

	v += (a & 0x7f & one) + ((b & 0x7f & two) << 7);
	v |= (b >> 7 & two) << 24; /* longer still: nothing that a window could hold */
	return v | (__u64)(1 - (int)one - (int)two) << 32;
}

/* The content type of n bytes at off, Huffman-coded or not. `application/grpc` is 88 bits in Huffman code: what
 * follows begins at a byte. 0xff begins '+', 0xfb is ';', and 5b c1 63 is "-web". */
fi_inline __u32 fi_h2_content_type(const struct fi_win *w, __u32 off, __u32 n, int huffman)
{
	__u8 c;

	if (huffman) {
		if (n < 11 || fi_be64(w, off) != 0x1d75d0620d263d4cull || fi_be24(w, off + 8) != 0x4d6564)
			return FI_F2_TYPE;
		c = fi_at(w, off + 11);
		if (n == 11 || c == 0xff || c == 0xfb)
			return FI_F2_GRPC;
		return n >= 14 && fi_be24(w, off + 11) == 0x5bc163 ? FI_F2_GRPC_WEB : FI_F2_TYPE;
	}
	if (n < 16 || !fi_is(w, off, "application/grpc"))
		return FI_F2_TYPE;
	c = fi_at(w, off + 16);
	if (n == 16 || c == '+' || c == ';')
		return FI_F2_GRPC;
	return n >= 20 && fi_is(w, off + 16, "-web") ? FI_F2_GRPC_WEB : FI_F2_TYPE;
}

/* Names that matter and are sent as literals: the static table has no :protocol, and some encoders do not use it. */
enum { FI_H2_NAME_PROTOCOL = 0x100, FI_H2_CONTENT_TYPE = 31 };
fi_inline __u32 fi_h2_name(const struct fi_win *w, __u32 off, __u32 n, int huffman)
{
	if (huffman && n == 7 && fi_be64(w, off - 1) == 0x87b95d8749c87a3full)
		return FI_H2_NAME_PROTOCOL;
	if (!huffman && n == 9 && fi_is(w, off, ":protocol"))
		return FI_H2_NAME_PROTOCOL;
	if (huffman && n == 9 && fi_be64(w, off) == 0x21ea496a4ac9f559ull && fi_at(w, off + 8) == 0x7f)
		return FI_H2_CONTENT_TYPE;
	if (!huffman && n == 12 && fi_is(w, off, "content-type"))
		return FI_H2_CONTENT_TYPE;
	return 0;
}

/* One field of the block that ends at `end`: offset of the next | facts << 32. */
FI_FN __u64 fi_h2_field(const struct fi_win *w, __u32 off, __u32 end)
{
	if (!w)
		return 0;
	__u8 b = fi_at(w, off);
	__u32 mask = b & 0x80 ? 0x7f : (b & 0xc0) == 0x40 ? 0x3f : (b & 0xe0) == 0x20 ? 0x1f : 0x0f;
	__u64 number = fi_h2_int(w, off, mask), facts = 0;
	__u32 index = (__u32)number, name = index;

	off += number >> 32;
	if (off > w->len)
		return (__u64)FI_F2_CUT << 32;
	if (mask == 0x1f) /* size of the dynamic table */
		goto out;
	facts = index >= 1 && index <= 14 ? FI_F2_PSEUDO : 0;
	facts |= index >= 8 && index <= 14 ? FI_F2_STATUS : 0;
	if (mask == 0x7f) {
		facts |= index == 2 ? FI_F2_GET : index == 3 ? FI_F2_POST : index == 0 ? FI_F2_BAD : 0;
		goto out;
	}
	if (index == 0) {
		__u32 start = off;

		number = fi_h2_int(w, off, 0x7f);
		off += number >> 32;
		if (off > w->len)
			return (__u64)FI_F2_CUT << 32;
		name = fi_h2_name(w, off, (__u32)number, fi_at(w, start) >> 7);
		off += (__u32)number;
		if ((__u32)number == 0 || off >= end)
			return (__u64)FI_F2_BAD << 32;
	}
	int huffman = fi_at(w, off) >> 7;

	number = fi_h2_int(w, off, 0x7f);
	__u32 n = (__u32)number, value = off + (number >> 32);

	if (value > w->len)
		return (__u64)FI_F2_CUT << 32;
	off = value + n;
	if (off <= w->len && name == FI_H2_CONTENT_TYPE)
		facts |= fi_h2_content_type(w, value, n, huffman);
	if (off <= w->len && name == FI_H2_NAME_PROTOCOL &&
	    ((huffman && n == 7 && fi_be64(w, value - 1) == 0x87f058d072752a7full) ||
	     (!huffman && n == 9 && fi_is(w, value, "websocket"))))
		facts |= FI_F2_WEBSOCKET;
out:
	if (off > end)
		facts = FI_F2_BAD;
	else if (off > w->len)
		facts = FI_F2_CUT;
	return (off & 0xffff) | facts << 32;
}

/* The header block from off to end: facts. Stops at the first that decides. */
FI_FN int fi_h2_block(const struct fi_win *w, __u32 off, __u32 end)
{
	int facts = 0;

	if (!w)
		return 0;
	FI_ROLLED
	for (__u32 i = 0; i < FI_H2_FIELDS; i++) {
		__u64 r;

		if (off >= end)
			return facts | FI_F2_END;
		if (off >= w->len)
			return facts | FI_F2_CUT;
		r = fi_h2_field(w, off, end);
		facts |= (int)(r >> 32);
		if (facts & (FI_F2_BAD | FI_F2_CUT | FI_F2_GRPC | FI_F2_GRPC_WEB | FI_F2_WEBSOCKET))
			return facts;
		off = r & 0xffff;
	}
	return facts | FI_F2_BAD;
}

#endif
