/* SPDX-License-Identifier: Apache-2.0 */
/* STUN and TURN, RFC 8489, 8656: the magic cookie at 4, a length that is a multiple of four. Over TCP the same header,
 * RFC 4571 framing (two bytes of length) may come before it. Often followed by DTLS and RTP on the same ports. */
FI_PROTO(stun, 48, 14, FI_TCP | FI_UDP, "Session Traversal Utilities for NAT", FI_PORTS(3478, 5349, 19302), FI_THEN(dtls, rtp, rtcp, tls));

/* FI_SIGNATURES 1 "magic cookie" 2 "framed by length" 3 "channel data" 4 "without cookie (RFC 3489)" */
FI_SIG(stun)
{
	FI_CHECK(w);
	__u32 base = 0;

	if (w->l4 == FI_TCP && fi_at(w, 0) < 4 && fi_be32(w, 6) == 0x2112a442) /* frames of a kilobyte and more begin no call */
		base = 2;
	if (w->len < base + 20)
		return w->whole ? FI_NO : (fi_at(w, 0) < 4 ? FI_MORE : FI_NO);
	__u32 type = fi_be16(w, base), len = fi_be16(w, base + 2);

	if (fi_be32(w, base + 4) == 0x2112a442) {
		if (type & 0xc000 || len & 3 || (type & 0x3eef) > 0x0100)
			return FI_NO;
		if (w->whole && len + 20 > w->total)
			return FI_NO;
		return FI_HIT(FI_STRONG, type & 0x0100 ? FI_SERVER : FI_CLIENT, base ? 2 : 1, base + 4);
	}
	/* RFC 3489: a binding request or response, exact length, attributes that begin well */
	if (!w->whole || base || (type != 0x0001 && type != 0x0101) || len + 20 != w->total)
		return FI_NO;
	if (len == 0)
		return FI_HIT(fi_port(w, 3478) ? FI_FAIR : FI_WEAK, FI_CLIENT, 4, 0);
	__u32 attr = fi_be16(w, 20), alen = fi_be16(w, 22);

	/* an attribute of its own (Zoom's) must fill the message exactly */
	if (attr == 0 || alen + 4 > len || (attr > 0x0014 && attr < 0x8000 && alen + 4 != len))
		return FI_NO;
	return FI_HIT(FI_FAIR, type == 0x0101 ? FI_SERVER : FI_CLIENT, 4, 0);
}
