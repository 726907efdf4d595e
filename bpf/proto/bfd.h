/* SPDX-License-Identifier: Apache-2.0 */
/* BFD control packets, RFC 5880 §4.1. The length field is one byte; intervals of a minute at most, in microseconds, keep
 * other things of the same size out. Echo packets have no format. */
FI_PROTO(bfd, 172, 60, FI_UDP, "Bidirectional Forwarding Detection", FI_PORTS(3784, 4784), FI_THEN());

#define FI_BFD_INTERVAL 0x04000000u /* 67 seconds */

/* FI_SIGNATURES 1 "control packet" */
FI_SIG(bfd)
{
	FI_CHECK(w);
	__u32 flags = fi_at(w, 1), len = fi_at(w, 3), want = fi_be32(w, 12), accept = fi_be32(w, 16), echo = fi_be32(w, 20);

	if (!w->whole || fi_at(w, 0) >> 5 != 1 || (fi_at(w, 0) & 31) > 9 || len != w->total || !fi_at(w, 2) || !fi_be32(w, 4))
		return FI_NO;
	/* no multipoint; poll and final exclude each other; no peer known: down */
	if (flags & 1 || (flags & 0x30) == 0x30 || (!fi_be32(w, 8) && flags >> 6 > 1))
		return FI_NO;
	/* authentication: kind and length of the rest */
	if (flags & 4 ? len < 28 || len > 52 || !fi_range(fi_at(w, 24), 1, 5) || fi_at(w, 25) + 24u != len : len != 24)
		return FI_NO;
	return want && want < FI_BFD_INTERVAL && accept < FI_BFD_INTERVAL && echo < FI_BFD_INTERVAL ? FI_HIT(FI_FAIR, FI_EITHER, 1, 0) : FI_NO;
}
