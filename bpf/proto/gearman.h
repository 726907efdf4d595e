/* SPDX-License-Identifier: Apache-2.0 */
/* Gearman binary protocol: zero and REQ or RES, type, length. */
FI_PROTO(gearman, 196, 12, FI_TCP, "Gearman", FI_PORTS(4730), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" */
FI_SIG(gearman)
{
	FI_CHECK(w);
	enum fi_fit request = fi_fit(w, 0, "\0REQ\0\0\0"), response = fi_fit(w, 0, "\0RES\0\0\0");

	if (request == FI_FIT_NO && response == FI_FIT_NO)
		return FI_NO;
	if (w->len < 12)
		return FI_MORE;
	if (!fi_range(fi_at(w, 7), 1, 42) || fi_at(w, 8) > 15)
		return FI_NO;
	return FI_HIT(FI_STRONG, request == FI_FIT_YES ? FI_CLIENT : FI_SERVER, request == FI_FIT_YES ? 1 : 2, 1);
}
