/* SPDX-License-Identifier: Apache-2.0 */
/* ONC RPC (NFS, mount, portmap …), RFC 5531; over TCP behind a record mark. */
FI_PROTO(rpc, 81, 45, FI_TCP | FI_UDP, "ONC remote procedure call", FI_PORTS(111, 2049), FI_THEN());

/* FI_SIGNATURES 1 "call" 2 "reply" */
FI_SIG(rpc)
{
	FI_CHECK(w);
	__u32 base = w->l4 == FI_TCP ? 4 : 0, mark = fi_be32(w, 0) & 0x7fffffff;

	if (base && w->len >= 4 && (mark < 20 || mark > 1u << 24))
		return FI_NO;
	if (w->len < base + 12) {
		/* message type 0 or 1 at 8 */
		return w->whole ? FI_NO : (w->len > 8 && fi_at(w, 8)) || (w->len > 9 && fi_at(w, 9)) ? FI_NO : FI_MORE;
	}
	__u32 type = fi_be32(w, base + 4);

	if (type == 0) {
		if (fi_be32(w, base + 8) != 2)
			return FI_NO;
		if (w->len < base + 28)
			return w->whole ? FI_NO : FI_MORE;
		__u32 program = fi_be32(w, base + 12), flavor = fi_be32(w, base + 24);

		/* programs below 0x60000000 are assigned; version and procedure are small */
		if (program < 100000 || program > 0x5fffffff || fi_be32(w, base + 16) > 20 || fi_be32(w, base + 20) > 128 || (flavor > 6 && flavor < 390000) || flavor > 390100)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, base);
	}
	if (type != 1)
		return FI_NO;
	if (w->len < base + 24)
		return w->whole ? FI_NO : FI_MORE;
	if (fi_be32(w, base + 8) == 0) /* accepted: verifier, status */
		return fi_be32(w, base + 12) <= 6 && fi_be32(w, base + 16) <= 400 && (fi_be32(w, base + 16) || fi_be32(w, base + 20) <= 5) ? FI_HIT(FI_FAIR, FI_SERVER, 2, base) : FI_NO;
	return fi_be32(w, base + 8) == 1 && fi_be32(w, base + 12) <= 1 ? FI_HIT(FI_WEAK, FI_SERVER, 2, base) : FI_NO;
}
