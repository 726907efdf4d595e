/* SPDX-License-Identifier: Apache-2.0 */
/* DRDA (Db2, Derby): DSS header with length, d0, format and number, then a DDM object whose length it holds and whose code is one of the
 * architecture's. */
FI_PROTO(drda, 198, 44, FI_TCP, "DRDA", FI_PORTS(50000, 446, 1527), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "reply" */
FI_SIG(drda)
{
	FI_CHECK(w);
	__u32 len = fi_be16(w, 0), format = fi_at(w, 3), kind = format & 15, object = fi_be16(w, 6), code = fi_be16(w, 8);

	if (w->len > 2 && fi_at(w, 2) != 0xd0)
		return FI_NO;
	if (w->len < 10)
		return FI_MORE;
	if (len < 10 || object + 6 != len || !fi_range(kind, 1, 3) || format & 0x80)
		return FI_NO;
	/* exchange of attributes, access to the database, security check, SQL; replies have codes of their own */
	if (kind == 1 && (fi_equal(code, 0x1041) | fi_equal(code, 0x106d) | fi_equal(code, 0x106e) | fi_range(code, 0x2001, 0x2018)))
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	if (kind == 2 && (fi_equal(code, 0x1443) | fi_equal(code, 0x14ac) | fi_equal(code, 0x1219) | fi_range(code, 0x2201, 0x2218)))
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	return FI_NO;
}
