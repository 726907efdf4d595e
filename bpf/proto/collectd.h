/* SPDX-License-Identifier: Apache-2.0 */
/* collectd's binary network protocol: parts of a 16-bit type and a 16-bit length. A datagram begins with the host and a
 * time; a signature may stand before them, or one encrypted part around everything. */
#include "walk.h"

FI_PROTO(collectd, 90, 60, FI_UDP, "collectd", FI_PORTS(25826), FI_THEN());

#define FI_COLLECTD_PARTS 8

/* FI_SIGNATURES 1 "host, time, values" 2 "signed" 3 "encrypted" */
FI_SIG(collectd)
{
	FI_CHECK(w);
	__u32 first = fi_be16(w, 0), len = fi_be16(w, 2), off = 0, good = 1, next;

	if (!w->whole || w->total < 24)
		return FI_NO;
	if (first == 0x0210) /* user, 16 bytes of vector, 20 of hash, all as one part */
		return len == w->total && fi_be16(w, 4) >= 1 && fi_be16(w, 4) <= 64 && 42 + fi_be16(w, 4) < len &&
				       fi_only(w, 6, 6 + fi_be16(w, 4), FI_PRINT) ?
			       FI_HIT(FI_FAIR, FI_CLIENT, 3, 0) :
			       FI_NO;
	if (first == 0x0200) { /* 32 bytes of hash, user */
		if (len < 37 || len > 36 + 64 || !fi_only(w, 36, len, FI_PRINT))
			return FI_NO;
		off = len;
	}
	if (fi_be16(w, off))
		return FI_NO;
	next = off + fi_be16(w, off + 2);
	if (next < off + 6 || (fi_be16(w, next) != 1 && fi_be16(w, next) != 8) || fi_be16(w, next + 2) != 12)
		return FI_NO;
	for (int i = 0; i < FI_COLLECTD_PARTS; i++) {
		__u32 type = fi_be16(w, off), text, number, values;

		if (off >= w->total || !fi_in(w, off, 6))
			break;
		len = fi_be16(w, off + 2);
		text = (fi_below(type, 6) & (fi_equal(type, 1) ^ 1)) | fi_equal(type, 0x100);
		number = fi_equal(type, 1) | fi_range(type & 0xff, 7, 9) * fi_below(type, 10) | fi_equal(type, 0x101);
		values = fi_equal(type, 6) & fi_equal(len, 6 + 9 * fi_be16(w, off + 4)) & fi_below(6, len);
		text &= fi_below(4, len) & fi_equal(fi_at(w, off + len - 1), 0); /* ends in a zero */
		good &= (text | (number & fi_equal(len, 12)) | values) & fi_below(off + len, w->total + 1);
		off += len;
	}
	return good ? FI_HIT(FI_STRONG, FI_CLIENT, first ? 2 : 1, 0) : FI_NO;
}
