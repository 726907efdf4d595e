/* SPDX-License-Identifier: Apache-2.0 */
/* DHCPv6, RFC 8415: message type, transaction id, then a chain of options that ends with the datagram. */
FI_PROTO(dhcpv6, 63, 55, FI_UDP, "DHCP for IPv6", FI_PORTS(546, 547), FI_THEN());

/* FI_SIGNATURES 1 "message" */
FI_SIG(dhcpv6)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0), off = fi_range(type, 12, 13) ? 34 : 4, good = 1;

	if (!w->whole || type == 0 || type > 36 || w->total < off + 4)
		return FI_NO;
	if (!(fi_port(w, 546) | fi_port(w, 547)))
		return FI_NO;
	for (int i = 0; i < 3; i++) { /* up to three options */
		__u32 code = fi_be16(w, off), len = fi_be16(w, off + 2);

		if (off >= w->total)
			break;
		good &= fi_below(0, code) & fi_below(code, 256) & fi_below(off + 4 + len, w->total + 1);
		off += 4 + len;
		if (off + 4 > FI_WINDOW)
			break;
	}
	if (!good)
		return FI_NO;
	return FI_HIT(FI_FAIR, type == 2 || type == 7 || type == 10 || type == 13 ? FI_SERVER : FI_CLIENT, 1, 0);
}
