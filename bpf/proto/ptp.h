/* SPDX-License-Identifier: Apache-2.0 */
/* PTP version 2, IEEE 1588 §13.3: kind, version, the message's length, a domain, the port that sends it. UDP over IPv6
 * adds two bytes (annex D). */
FI_PROTO(ptp, 176, 60, FI_UDP, "Precision Time Protocol", FI_PORTS(319, 320), FI_THEN());

/* FI_SIGNATURES 1 "event" 2 "general" */
FI_SIG(ptp)
{
	FI_CHECK(w);
	__u32 kind = fi_at(w, 0) & 15, version = fi_at(w, 1), len = fi_be16(w, 2), control = fi_at(w, 32), least, exact, want;

	if (!w->whole || (version & 15) != 2 || version >> 4 > 1 || (len != w->total && len + 2 != w->total))
		return FI_NO;
	if (!(fi_range(kind, 0, 3) | fi_range(kind, 8, 13)) || !fi_be16(w, 28))
		return FI_NO;
	/* pdelay, delay reply: a port more; announce and management have more of their own */
	least = kind == 2 || kind == 3 || kind == 9 || kind == 10 ? 54 : kind == 11 ? 64 : kind == 13 ? 48 : 44;
	exact = kind != 11 && kind < 12;
	/* what version 1 called the kind; later editions allow zero */
	want = kind == 0 ? 0 : kind == 1 ? 1 : kind == 8 ? 2 : kind == 9 ? 3 : kind == 13 ? 4 : 5;
	if (len < least || (control && control != want))
		return FI_NO;
	/* reserved in the first edition, rarely used since */
	if (fi_be32(w, 16))
		return exact && len == least ? FI_HIT(FI_FAIR, FI_EITHER, kind < 8 ? 1 : 2, 0) : FI_HIT(FI_WEAK, FI_EITHER, 2, 0);
	return FI_HIT(FI_STRONG, FI_EITHER, kind < 8 ? 1 : 2, 0);
}
