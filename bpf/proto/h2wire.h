/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the protocols over HTTP/2: frames (RFC 9113), and the first HEADERS of an end. Not a protocol of its own. */
#ifndef FI_H2WIRE_H
#define FI_H2WIRE_H

#include "h2fields.h"

#define FI_H2_PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FI_H2_PREFACE_LEN 24
#define FI_H2_FRAME_MAX   16384 /* RFC 9113 §4.2: larger ones only after the peer allowed them */
#define FI_H2_FRAMES      8 /* frames walked to find the first HEADERS: clients send at most five before it */

enum fi_h2_type {
	FI_H2_DATA = 0,
	FI_H2_HEADERS = 1,
	FI_H2_PRIORITY = 2,
	FI_H2_RST_STREAM = 3,
	FI_H2_SETTINGS = 4,
	FI_H2_PUSH_PROMISE = 5,
	FI_H2_PING = 6,
	FI_H2_GOAWAY = 7,
	FI_H2_WINDOW_UPDATE = 8,
	FI_H2_CONTINUATION = 9,
};

enum fi_h2_kind { FI_H2_BAD = 0, FI_H2_MORE = 1, FI_H2_OK = 2 };
#define FI_H2_KIND(r) ((int)((r) & 3))

/* Frame header at off: kind | type << 8 | flags << 16 | length << 32. BAD: no HTTP/2 frame. MORE: cut. */
#define FI_H2_TYPE(r)  ((__u8)((r) >> 8))
#define FI_H2_FLAGS(r) ((__u8)((r) >> 16))
#define FI_H2_LEN(r)   ((__u32)((r) >> 32))
FI_FN __u64 fi_h2_frame(const struct fi_win *w, __u32 off)
{
	if (!w)
		return FI_H2_BAD;
	__u32 len = fi_be24(w, off), stream = fi_be32(w, off + 5), want = 0;
	__u8 type = fi_at(w, off + 3), flags = fi_at(w, off + 4), allowed = 0;
	int on_stream = 1; /* 1: needs a stream, 0: must have none */

	/* Absent bytes read as 0, so these two hold for a cut header too. */
	if (fi_at(w, off) != 0 && type != FI_H2_DATA)
		return FI_H2_BAD;
	if (type > FI_H2_CONTINUATION)
		return FI_H2_BAD;
	if (!fi_in(w, off, 9))
		return FI_H2_MORE;
	switch (type) {
	case FI_H2_DATA:
		allowed = 0x09;
		break;
	case FI_H2_HEADERS:
		allowed = 0x2d;
		break;
	case FI_H2_PRIORITY:
		want = 5;
		break;
	case FI_H2_RST_STREAM:
		want = 4;
		break;
	case FI_H2_SETTINGS:
		allowed = 0x01;
		on_stream = 0;
		if (len % 6 || (flags && len))
			return FI_H2_BAD;
		break;
	case FI_H2_PUSH_PROMISE:
		allowed = 0x0c;
		break;
	case FI_H2_PING:
		allowed = 0x01;
		on_stream = 0;
		want = 8;
		break;
	case FI_H2_GOAWAY:
		on_stream = 0;
		if (len < 8)
			return FI_H2_BAD;
		break;
	case FI_H2_WINDOW_UPDATE:
		on_stream = 2;
		want = 4;
		break;
	default:
		allowed = 0x04;
	}
	if (flags & ~allowed || (want && len != want) || stream >> 31)
		return FI_H2_BAD;
	if (on_stream != 2 && on_stream != (stream != 0))
		return FI_H2_BAD;
	if (type != FI_H2_DATA && len > FI_H2_FRAME_MAX)
		return FI_H2_BAD;
	return FI_H2_OK | (__u64)type << 8 | (__u64)flags << 16 | (__u64)len << 32;
}

/* Content of a SETTINGS frame whose payload is at off: known settings with values that are allowed. Servers send up
 * to eight; unknown ids are left to GREASE (0x?a?a) and to private use (0xf000 and above). */
#define FI_H2_SETTINGS_MAX 10
FI_FN int fi_h2_setting(__u32 id, __u32 value)
{
	if (id == 0 || (id > 9 && id < 0xf000 && (id & 0x0f0f) != 0x0a0a))
		return 1;
	if ((id == 2 || id == 8 || id == 9) && value > 1)
		return 1;
	if (id == 4 && value >> 31)
		return 1;
	return id == 5 && (value < FI_H2_FRAME_MAX || value >> 24);
}

FI_FN int fi_h2_settings(const struct fi_win *w, __u32 off, __u32 len)
{
	__u32 i, bad = 0;

	if (!w)
		return 0;
	FI_ROLLED
	for (i = 0; i < FI_H2_SETTINGS_MAX; i++, off += 6) {
		if (i * 6 >= len)
			break;
		bad |= fi_h2_setting(fi_be16(w, off), fi_be32(w, off + 2));
	}
	return !bad && i * 6 >= len;
}

/* The block of the HEADERS frame at off, whose header is f: facts. */
FI_FN int fi_h2_headers(const struct fi_win *w, __u32 off, __u64 f)
{
	if (!w)
		return 0;
	__u32 block = off + 9, end = block + FI_H2_LEN(f);

	if (FI_H2_FLAGS(f) & 0x08) { /* padded */
		if (block >= w->len)
			return FI_F2_CUT;
		end -= fi_at(w, block);
		block++;
	}
	if (FI_H2_FLAGS(f) & 0x20) /* stream dependency and weight */
		block += 5;
	return block < end && end < 0x10000 ? fi_h2_block(w, block, end) : FI_F2_BAD;
}

/* The first HEADERS frame of this end: kind | offset << 8 | facts << 32. A stream that begins here begins with the
 * preface, or, when the server sends it, with SETTINGS. */
#define FI_H2_OFF(r)   ((__u32)(r) >> 8 & 0xffff)
#define FI_H2_FACTS(r) ((int)((r) >> 32))
FI_FN __u64 fi_h2_first(const struct fi_win *w)
{
	if (!w)
		return FI_H2_BAD;
	enum fi_fit fit = fi_fit(w, 0, FI_H2_PREFACE);
	__u32 off = fit == FI_FIT_YES ? FI_H2_PREFACE_LEN : 0;

	if (fit == FI_FIT_MORE)
		return FI_H2_MORE;
	FI_ROLLED
	for (__u32 i = 0; i < FI_H2_FRAMES; i++) {
		__u64 f = fi_h2_frame(w, off);
		int facts;

		if (FI_H2_KIND(f) != FI_H2_OK)
			return FI_H2_KIND(f);
		if (off == 0 && w->start &&
		    (FI_H2_TYPE(f) != FI_H2_SETTINGS || FI_H2_FLAGS(f) || w->from == FI_CLIENT))
			return FI_H2_BAD;
		if (FI_H2_TYPE(f) == FI_H2_HEADERS) {
			facts = fi_h2_headers(w, off, f);
			if (facts & FI_F2_BAD)
				return FI_H2_BAD;
			return (facts & FI_F2_CUT ? FI_H2_MORE : FI_H2_OK) | (__u64)off << 8 |
			       (__u64)facts << 32;
		}
		off += 9 + FI_H2_LEN(f);
		if (off >= FI_WINDOW)
			return FI_H2_BAD; /* out of sight */
	}
	return FI_H2_BAD;
}

/* Who sent that block. */
fi_inline int fi_h2_who(__u64 first)
{
	int facts = FI_H2_FACTS(first);

	return facts & FI_F2_STATUS ? FI_SERVER : facts & (FI_F2_GET | FI_F2_POST) ? FI_CLIENT : FI_EITHER;
}
#endif
