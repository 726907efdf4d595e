/* SPDX-License-Identifier: Apache-2.0 */
/* uwsgi, from a web server to an application: two modifiers of zero around a length, then names and values with their lengths, the names
 * in capital letters. The application answers in plain HTTP/1. */
FI_PROTO(uwsgi, 200, 44, FI_TCP, "uwsgi", FI_PORTS(3031), FI_THEN());

/* FI_SIGNATURES 1 "variables of a request" */
FI_SIG(uwsgi)
{
	FI_CHECK(w);
	__u32 len = fi_le16(w, 1), n = fi_le16(w, 4), bad = 0;

	if (w->from == FI_SERVER || (w->len && fi_at(w, 0)) || (w->len > 3 && fi_at(w, 3)))
		return FI_NO;
	if (w->len < 6)
		return FI_MORE;
	if (n < 5 || n > 32 || len < 40 || n + 4 > len)
		return FI_NO;
	for (__u32 i = 0; i < 32; i++)
		bad |= ((fi_upper(fi_at(w, 6 + i)) | fi_equal(fi_at(w, 6 + i), '_')) ^ 1) & fi_below(i, n) & (__u32)fi_in(w, 6 + i, 1);
	if (bad)
		return FI_NO;
	if (!fi_in(w, 6 + n, 2))
		return FI_MORE;
	return n + 4 + fi_le16(w, 6 + n) <= len ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 6) : FI_NO;
}
