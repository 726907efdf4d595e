/* SPDX-License-Identifier: Apache-2.0 */
/* SLP (service location), RFC 2608 version 2 and RFC 2165 version 1. */
FI_PROTO(srvloc, 71, 50, FI_TCP | FI_UDP, "Service Location Protocol", FI_PORTS(427), FI_THEN());

/* FI_SIGNATURES 1 "version 2" 2 "version 1" */
FI_SIG(srvloc)
{
	FI_CHECK(w);
	__u32 version = fi_at(w, 0), type = fi_at(w, 1);

	if (version != 1 && version != 2)
		return FI_NO;
	if (w->len < 16)
		return w->whole ? (version == 1 && w->total >= 12 && fi_port(w, 427) && fi_be16(w, 2) == w->total ? FI_HIT(FI_FAIR, FI_EITHER, 2, 0) : FI_NO) : FI_MORE;
	if (!fi_range(type, 1, 11))
		return FI_NO;
	if (version == 2) {
		__u32 len = fi_be24(w, 2), lang = fi_be16(w, 12);

		if (len < 16 || fi_be16(w, 5) & 0x1fff || (w->whole && len != w->total) || lang < 1 || lang > 8)
			return FI_NO;
		if (!fi_alpha(fi_at(w, 14)))
			return FI_NO;
		return FI_HIT(FI_STRONG, type == 2 || type == 5 || type == 7 || type == 10 ? FI_SERVER : FI_CLIENT, 1, 0);
	}
	if (fi_be16(w, 2) < 12 || (w->whole && fi_be16(w, 2) != w->total) || !fi_alpha(fi_at(w, 6)) || !fi_alpha(fi_at(w, 7)))
		return FI_NO;
	return FI_HIT(w->whole || fi_port(w, 427) ? FI_FAIR : FI_WEAK, type == 2 || type == 5 || type == 7 ? FI_SERVER : FI_CLIENT, 2, 0);
}
