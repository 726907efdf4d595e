/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus/TCP: MBAP header with protocol 0, a length, unit, a known function code. */
FI_PROTO(modbus, 86, 58, FI_TCP, "Modbus/TCP", FI_PORTS(502), FI_THEN());

/* FI_SIGNATURES 1 "MBAP header" */
FI_SIG(modbus)
{
	FI_CHECK(w);
	if (w->len < 8)
		return (w->len > 2 && fi_at(w, 2)) || (w->len > 3 && fi_at(w, 3)) || (w->len > 4 && fi_at(w, 4) > 1) ? FI_NO : FI_MORE;
	__u32 len = fi_be16(w, 4), code = fi_at(w, 7);

	if (fi_be16(w, 2) || len < 2 || len > 260)
		return FI_NO;
	code &= 0x7f;
	if (!(fi_range(code, 1, 8) | fi_range(code, 11, 12) | fi_range(code, 15, 17) | fi_range(code, 20, 24) | fi_equal(code, 43) | fi_equal(code, 90)))
		return FI_NO;
	/* several requests in one segment: the next header must be one as well */
	if (w->len >= len + 6 + 4 && fi_be16(w, len + 8))
		return FI_NO;
	/* requests 1–6 are exactly six bytes long */
	if (fi_port(w, 502))
		return FI_HIT(FI_FAIR, w->dport_be == __builtin_bswap16(502) ? FI_CLIENT : FI_SERVER, 1, 0);
	return FI_HIT(FI_WEAK, FI_EITHER, 1, 0);
}
