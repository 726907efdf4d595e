/* SPDX-License-Identifier: Apache-2.0 */
/* RTP, RFC 3550 §5.1: two bits of version and a payload type: the weakest of all. Counts only inside a flow that STUN or
 * DTLS opened, or with the sizes of the usual telephone codecs. */
FI_PROTO(rtp, 49, 72, FI_UDP, "Real-time Transport Protocol", FI_PORTS(5004), FI_THEN(rtcp));

/* FI_SIGNATURES 1 "packet" 2 "control packet among the media (RFC 5761)" */
FI_SIG(rtp)
{
	FI_CHECK(w);
	__u32 b0 = fi_at(w, 0), pt = fi_at(w, 1) & 0x7f;

	/* the session's reports share the port that STUN opened; encrypted ones (RFC 3711) keep the first header only */
	if (w->whole && w->below && b0 >> 6 == 2 && fi_range(fi_at(w, 1), 200, 207) && (fi_be16(w, 2) + 1) * 4 <= w->total && w->total >= 8)
		return FI_HIT(FI_FAIR, FI_EITHER, 2, 1);
	if (!w->whole || b0 >> 6 != 2 || w->total < 12 + (b0 & 15) * 4 + 1)
		return FI_NO;
	if (!(fi_range(pt, 0, 34) | fi_range(pt, 96, 127)) || (pt > 18 && pt < 25) || pt == 2 || pt == 1)
		return FI_NO;
	if (fi_be32(w, 8) == 0 || (fi_be32(w, 4) == 0 && fi_be16(w, 2) == 0))
		return FI_NO;
	if (b0 & 0x10 && 12 + (b0 & 15) * 4 + 4 + fi_be16(w, 14 + (b0 & 15) * 4) * 4 > w->total)
		return FI_NO;
	if (w->below) /* STUN or DTLS came before */
		return FI_HIT(FI_FAIR, FI_EITHER, 1, 0);
	/* the usual audio packets: G.711, G.729, G.722 in 10, 20 or 30 ms */
	if (b0 == 0x80 && (pt == 0 || pt == 8) && (w->total == 172 || w->total == 92 || w->total == 252 || w->total == 332))
		return FI_HIT(FI_FAIR, FI_EITHER, 1, 0);
	if (b0 == 0x80 && pt == 18 && (w->total == 32 || w->total == 22 || w->total == 42))
		return FI_HIT(FI_FAIR, FI_EITHER, 1, 0);
	return FI_NO;
}
