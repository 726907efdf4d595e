/* SPDX-License-Identifier: Apache-2.0 */
/* Aerospike: version 2, kind (1 text about the node, 3 a message), length in six bytes. A message's own header has 22 bytes and says so. */
FI_PROTO(aerospike, 208, 50, FI_TCP, "Aerospike", FI_PORTS(3000, 3001), FI_THEN());

/* FI_SIGNATURES 1 "message" 2 "information" */
FI_SIG(aerospike)
{
	FI_CHECK(w);
	__u32 kind = fi_at(w, 1), len = fi_be32(w, 4);

	if ((w->len && fi_at(w, 0) != 2) || (w->len > 1 && kind != 1 && kind != 3) || (w->len > 3 && fi_be16(w, 2)))
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (len > 128u << 20)
		return FI_NO;
	enum fi_fit fit = fi_span(w, len + 8);

	if (kind == 3) {
		if (len < 22)
			return FI_NO;
		if (w->len < 30)
			return FI_MORE;
		/* flags of three bytes, an unused one or the result, fields and operations that the length has room for */
		if (fi_at(w, 8) != 22 || fi_be16(w, 26) > 64 || fi_be16(w, 28) > 1024 || 22 + 5u * fi_be16(w, 26) > len)
			return FI_NO;
		return FI_HIT(fit == FI_FIT_YES || fi_port(w, 3000) ? FI_STRONG : FI_FAIR, FI_EITHER, 1, 0);
	}
	/* names, one a line, and their values in the answer */
	if (len < 2 || len > 1u << 20 || w->len < 12)
		return len < 2 || len > 1u << 20 ? FI_NO : w->len < 12 && w->total < len + 8 ? FI_MORE : FI_NO;
	for (__u32 i = 8; i < 11; i++)
		if (!fi_range(fi_at(w, i), 'a', 'z') && fi_at(w, i) != '-')
			return FI_NO;
	return fit == FI_FIT_NO ? FI_NO : FI_HIT(fit == FI_FIT_YES ? FI_FAIR : FI_WEAK, FI_EITHER, 2, 0);
}
