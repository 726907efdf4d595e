/* SPDX-License-Identifier: Apache-2.0 */
/* NTP, RFC 5905; SNTP; control (mode 6) and private (mode 7) messages. Nearly any small datagram fits the first byte:
 * the port or a plausible set of fields must agree. */
FI_PROTO(ntp, 61, 65, FI_UDP, "Network Time Protocol", FI_PORTS(123), FI_THEN());

/* FI_SIGNATURES 1 "client" 2 "server" 3 "symmetric or broadcast" 4 "control" */
FI_SIG(ntp)
{
	FI_CHECK(w);
	__u32 b = fi_at(w, 0), mode = b & 7, version = b >> 3 & 7, n = w->total;

	if (!w->whole || version < 1 || version > 4 || mode == 0)
		return FI_NO;
	if (mode >= 6) {
		if (!fi_port(w, 123) || n < 8 || (mode == 6 && (n < 12 || fi_be16(w, 10) + 12u > n)))
			return FI_NO;
		return FI_HIT(FI_FAIR, fi_at(w, 1) & 0x80 ? FI_SERVER : FI_EITHER, 4, 0);
	}
	/* 48 bytes, optionally extension fields and a MAC: always a multiple of four */
	if (n < 48 || n & 3 || n > 1024 || fi_at(w, 1) > 16)
		return FI_NO;
	if (!fi_range(fi_at(w, 2) + 6, 0, 23)) /* poll exponent */
		return FI_NO;
	if (fi_port(w, 123))
		return FI_HIT(FI_FAIR, mode == 3 ? FI_CLIENT : mode == 4 ? FI_SERVER : FI_EITHER, mode == 3 ? 1 : mode == 4 ? 2 : 3, 0);
	/* elsewhere: exactly a header, timestamps of this era (transmit after 2004, before 2036) or a bare client request */
	if (n != 48 && n != 68 && n != 72)
		return FI_NO;
	if (mode == 4)
		return fi_at(w, 1) && fi_at(w, 40) >= 0xc4 && fi_at(w, 32) >= 0xc4 ? FI_HIT(FI_FAIR, FI_SERVER, 2, 0) : FI_NO;
	if (mode == 3)
		return fi_at(w, 40) >= 0xc4 && fi_be32(w, 16) == 0 && fi_be32(w, 24) == 0 ? FI_HIT(FI_WEAK, FI_CLIENT, 1, 0) : FI_NO;
	return FI_NO;
}
