/* SPDX-License-Identifier: Apache-2.0 */
/* ISAKMP and IKE, RFC 2408, 7296; on port 4500 behind four zero bytes (RFC 3948). */
FI_PROTO(isakmp, 47, 40, FI_UDP, "Internet Key Exchange", FI_PORTS(500, 4500), FI_THEN());

/* FI_SIGNATURES 1 "IKEv1" 2 "IKEv2" 3 "keep-alive" */
FI_SIG(isakmp)
{
	FI_CHECK(w);
	__u32 base = fi_be32(w, 0) == 0 && w->total > 32 && fi_be32(w, w->len > 40 ? 28 : 0) == w->total - 4 ? 4 : 0, version = fi_at(w, base + 17), exchange = fi_at(w, base + 18);

	if (!w->whole)
		return FI_NO;
	if (w->total == 1)
		return fi_at(w, 0) == 0xff && fi_port(w, 4500) ? FI_HIT(FI_FAIR, FI_EITHER, 3, 0) : FI_NO;
	if (w->total < base + 28 || fi_be32(w, base + 24) != w->total - base || !fi_be64(w, base))
		return FI_NO;
	if (version == 0x20)
		return fi_range(exchange, 34, 44) && !(fi_at(w, base + 19) & 0xc7) ? FI_HIT(FI_STRONG, fi_at(w, base + 19) & 0x20 ? FI_SERVER : FI_CLIENT, 2, base) : FI_NO;
	if (version == 0x10)
		return fi_range(exchange, 1, 6) | fi_range(exchange, 32, 34) && fi_at(w, base + 19) <= 7 ? FI_HIT(FI_STRONG, FI_EITHER, 1, base) : FI_NO;
	return FI_NO;
}
