/* SPDX-License-Identifier: Apache-2.0 */
/* PPTP's control connection, RFC 2637 §2: length, type 1, the magic, a message's number. */
FI_PROTO(pptp, 185, 15, FI_TCP, "Point-to-Point Tunneling Protocol", FI_PORTS(1723), FI_THEN());

/* FI_SIGNATURES 1 "control message" */
FI_SIG(pptp)
{
	FI_CHECK(w);
	__u32 len = fi_be16(w, 0), kind = fi_be16(w, 8);

	if (w->len >= 2 && (len < 12 || len > 220))
		return FI_NO;
	if (fi_at(w, 0) || fi_at(w, 2) || (w->len > 3 && fi_at(w, 3) != 1) || fi_fit(w, 4, "\x1a\x2b\x3c\x4d") == FI_FIT_NO)
		return FI_NO;
	if (w->len < 10)
		return fi_at(w, 8) ? FI_NO : FI_MORE;
	if (!kind || kind > 15)
		return FI_NO;
	return FI_HIT(FI_STRONG, kind == 1 || kind == 7 ? FI_CLIENT : kind == 2 || kind == 8 ? FI_SERVER : FI_EITHER, 1, 0);
}
