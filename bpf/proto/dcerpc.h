/* SPDX-License-Identifier: Apache-2.0 */
/* DCE/RPC, C706 §12: version 5 over TCP (connection oriented), version 4 over UDP. */
FI_PROTO(dcerpc, 80, 45, FI_TCP | FI_UDP, "DCE remote procedure call", FI_PORTS(135), FI_THEN());

/* FI_SIGNATURES 1 "connection-oriented" 2 "connectionless" */
FI_SIG(dcerpc)
{
	FI_CHECK(w);
	if (w->l4 == FI_TCP) {
		if (fi_at(w, 0) != 5)
			return FI_NO;
		if (w->len < 16)
			return (w->len > 1 && fi_at(w, 1) > 1) || (w->len > 2 && fi_at(w, 2) > 19) ? FI_NO : FI_MORE;
		__u32 type = fi_at(w, 2), little = fi_at(w, 4) == 0x10, len = little ? fi_le16(w, 8) : fi_be16(w, 8);

		if (fi_at(w, 1) > 1 || type > 19 || (!little && fi_at(w, 4)) || fi_at(w, 5) || fi_be16(w, 6) || len < 16)
			return FI_NO;
		return FI_HIT(FI_STRONG, type == 0 || type == 11 || type == 14 || type == 16 ? FI_CLIENT : type == 2 || type == 3 || type == 12 || type == 13 || type == 15 ? FI_SERVER : FI_EITHER, 1, 0);
	}
	__u32 type = fi_at(w, 1), little = fi_at(w, 4) == 0x10, len = little ? fi_le16(w, 74) : fi_be16(w, 74);

	if (!w->whole || w->total < 80 || fi_at(w, 0) != 4 || type > 10 || (!little && fi_at(w, 4)) || fi_at(w, 5) > 3 || fi_at(w, 6) || len + 80 > w->total)
		return FI_NO;
	return FI_HIT(FI_STRONG, type == 0 || type == 1 || type == 8 ? FI_CLIENT : FI_SERVER, 2, 0);
}
