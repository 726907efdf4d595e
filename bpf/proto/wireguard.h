/* SPDX-License-Identifier: Apache-2.0 */
/* WireGuard: message type, three zero bytes, and lengths that are fixed or a multiple of sixteen. */
FI_PROTO(wireguard, 46, 42, FI_UDP, "WireGuard", FI_PORTS(51820), FI_THEN());

/* FI_SIGNATURES 1 "handshake initiation" 2 "handshake response" 3 "cookie reply" 4 "transport data" */
FI_SIG(wireguard)
{
	FI_CHECK(w);
	__u32 type = fi_le32(w, 0), n = w->total;

	if (!w->whole || type < 1 || type > 4 || n < 32)
		return FI_NO;
	if (type == 1)
		return n == 148 && fi_be32(w, 4) ? FI_HIT(FI_FAIR, FI_CLIENT, 1, 0) : FI_NO;
	if (type == 2)
		return n == 92 && fi_be32(w, 4) && fi_be32(w, 8) ? FI_HIT(FI_FAIR, FI_SERVER, 2, 0) : FI_NO;
	if (type == 3)
		return n == 64 ? FI_HIT(FI_FAIR, FI_SERVER, 3, 0) : FI_NO;
	/* receiver index, a counter that is small, padded ciphertext */
	if (n & 15 || fi_at(w, 15) || fi_at(w, 14) || fi_at(w, 13) || !fi_be32(w, 4))
		return FI_NO;
	return FI_HIT(fi_port(w, 51820) ? FI_FAIR : FI_WEAK, FI_EITHER, 4, 0);
}
