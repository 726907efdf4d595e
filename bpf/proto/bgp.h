/* SPDX-License-Identifier: Apache-2.0 */
/* BGP-4, RFC 4271 §4.1: sixteen bytes of ones, length, type. */
FI_PROTO(bgp, 73, 12, FI_TCP, "Border Gateway Protocol", FI_PORTS(179), FI_THEN());

/* FI_SIGNATURES 1 "marker" */
FI_SIG(bgp)
{
	FI_CHECK(w);
	__u32 bad = 0;

	for (__u32 i = 0; i < 16; i++)
		bad |= (fi_at(w, i) ^ 0xff) & (__u32)fi_in(w, i, 1);
	if (bad)
		return FI_NO;
	if (w->len < 19)
		return FI_MORE;
	return fi_range(fi_at(w, 18), 1, 5) && fi_be16(w, 16) >= 19 ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : FI_NO;
}
