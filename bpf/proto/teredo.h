/* SPDX-License-Identifier: Apache-2.0 */
/* Teredo, RFC 4380 §5.1.1: IPv6 in UDP, behind an authentication and an origin indication or none. The flows inside are
 * followed; what remains are solicitations, bubbles and pings. */
FI_PROTO(teredo, 162, 62, FI_UDP, "Teredo", FI_PORTS(3544), FI_THEN());

/* FI_SIGNATURES 1 "authentication" 2 "address of the prefix" */
FI_SIG(teredo)
{
	FI_CHECK(w);
	__u32 off = 0, authenticated = 0, source, target;

	if (!w->whole || w->total < 40)
		return FI_NO;
	if (fi_be16(w, 0) == 1) { /* lengths of identifier and value; nonce, confirmation */
		off = 13 + fi_at(w, 2) + fi_at(w, 3);
		authenticated = 1;
	}
	if (fi_in(w, off, 8) && fi_be16(w, off) == 0)
		off += 8;
	/* the IPv6 packet fills the datagram */
	if (!fi_in(w, off, 40) || fi_at(w, off) >> 4 != 6 || off + 40 + fi_be16(w, off + 4) != w->total)
		return FI_NO;
	source = fi_be32(w, off + 8);
	target = fi_be32(w, off + 24);
	/* 2001::/32 at either end; the router and what it is asked for are of the link */
	if (source == 0x20010000 || target == 0x20010000)
		return FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
	if (authenticated && source == 0xfe800000 && fi_at(w, off + 6) == 58 && (target == 0xff020000 || target == 0xfe800000))
		return FI_HIT(FI_STRONG, target == 0xff020000 ? FI_CLIENT : FI_SERVER, 1, 0);
	if (off == 8 && source == 0xfe800000 && target == 0xfe800000 && fi_at(w, off + 6) == 58) /* an advertisement with an origin */
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	return FI_NO;
}
