/* SPDX-License-Identifier: Apache-2.0 */
/* RTCP, RFC 3550 §6: packet types 200–207; a compound begins with a report whose length fits, then SDES or BYE. */
FI_PROTO(rtcp, 50, 71, FI_UDP, "RTP Control Protocol", FI_PORTS(5005), FI_THEN(rtp));

/* FI_SIGNATURES 1 "compound" 2 "single packet" */
FI_SIG(rtcp)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 1), len = (fi_be16(w, 2) + 1) * 4;

	if (w->below) /* behind STUN or DTLS the session is named by its media: see rtp.h */
		return FI_NO;
	if (!w->whole || fi_at(w, 0) >> 6 != 2 || !fi_range(type, 200, 207) || len > w->total || w->total & 3 || len < 8)
		return FI_NO;
	if (len == w->total)
		return FI_HIT(type <= 201 && len == 8u + (type == 200 ? 20 : 0) + (fi_at(w, 0) & 31) * 24 ? FI_FAIR : FI_WEAK, FI_EITHER, 2, 0);
	if (len + 4 > FI_WINDOW)
		return FI_NO;
	return fi_at(w, len) >> 6 == 2 && fi_range(fi_at(w, len + 1), 200, 207) ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : FI_NO;
}
