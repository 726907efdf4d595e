/* SPDX-License-Identifier: Apache-2.0 */
/* Telnet, RFC 854: option negotiation first. One triple is weak (0xFF begins much binary); two make it. */
FI_PROTO(telnet, 56, 60, FI_TCP, "Telnet", FI_PORTS(23, 2323), FI_THEN());

/* FI_SIGNATURES 1 "option negotiation" */
FI_SIG(telnet)
{
	FI_CHECK(w);
	if (fi_at(w, 0) != 0xff)
		return FI_NO;
	if (w->len < 3)
		return FI_MORE;
	if (!fi_range(fi_at(w, 1), 0xfa, 0xfe) || fi_at(w, 2) > 49)
		return FI_NO;
	if (fi_at(w, 1) == 0xfa) /* subnegotiation: only after the options were agreed */
		return FI_HIT(fi_port(w, 23) ? FI_FAIR : FI_WEAK, FI_EITHER, 1, 0);
	if (w->len >= 6) {
		if (fi_at(w, 3) == 0xff)
			return fi_range(fi_at(w, 4), 0xfa, 0xfe) && fi_at(w, 5) <= 49 ? FI_HIT(FI_FAIR, FI_EITHER, 1, 0) : FI_NO;
		/* text after the options: a banner */
		return fi_range(fi_at(w, 3), 0x07, 0x7e) && fi_range(fi_at(w, 4), 0x07, 0x7e) ? FI_HIT(fi_port(w, 23) ? FI_FAIR : FI_WEAK, FI_EITHER, 1, 0) : FI_NO;
	}
	return FI_HIT(fi_port(w, 23) ? FI_FAIR : FI_WEAK, FI_EITHER, 1, 0);
}
