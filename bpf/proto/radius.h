/* SPDX-License-Identifier: Apache-2.0 */
/* RADIUS, RFC 2865, 2866, 5176: code, identifier, length of the datagram, authenticator, attributes that fill it. */
FI_PROTO(radius, 68, 55, FI_UDP, "RADIUS", FI_PORTS(1812, 1813, 1645, 1646, 3799), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "reply" */
FI_SIG(radius)
{
	FI_CHECK(w);
	__u32 code = fi_at(w, 0), len = fi_be16(w, 2), off = 20, good = 1, n = 0;

	if (!w->whole || len < 20 || len > 4096 || len > w->total || w->total - len > 16)
		return FI_NO;
	if (!(fi_range(code, 1, 5) | fi_range(code, 11, 13) | fi_range(code, 40, 45)))
		return FI_NO;
	for (int i = 0; i < 6; i++) {
		if (off >= len || off + 2 > FI_WINDOW)
			break;
		__u32 alen = fi_at(w, off + 1);

		good &= fi_below(1, alen) & fi_below(off + alen, len + 1) & fi_below(0, fi_at(w, off));
		off += alen;
		n++;
	}
	if (!good || (n == 0 && len > 20))
		return FI_NO;
	int port = fi_port(w, 1812) | fi_port(w, 1813) | fi_port(w, 1645) | fi_port(w, 1646) | fi_port(w, 3799);

	return FI_HIT(port ? FI_FAIR : FI_WEAK, code == 1 || code == 4 || code == 12 || code == 40 || code == 43 ? FI_CLIENT : FI_SERVER,
		      code == 1 || code == 4 ? 1 : 2, 0);
}
