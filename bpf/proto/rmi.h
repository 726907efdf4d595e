/* SPDX-License-Identifier: Apache-2.0 */
/* Java RMI wire protocol: "JRMI", version, kind of stream; the server acknowledges with the address it sees. */
FI_PROTO(rmi, 197, 12, FI_TCP, "Java RMI", FI_PORTS(1099), FI_THEN());

/* FI_SIGNATURES 1 "header" 2 "acknowledgement" */
FI_SIG(rmi)
{
	FI_CHECK(w);
	enum fi_fit magic = fi_fit(w, 0, "JRMI\0");
	__u32 n = fi_be16(w, 1), bad = 0;

	if (magic == FI_FIT_MORE && fi_at(w, 0) == 'J')
		return FI_MORE;
	if (magic == FI_FIT_YES) {
		if (w->len < 7)
			return FI_MORE;
		return fi_range(fi_at(w, 5), 1, 2) && fi_range(fi_at(w, 6), 0x4b, 0x4d) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	/* N, the client's address as text, its port; nothing more, since the client speaks next */
	if (fi_at(w, 0) != 0x4e || w->from == FI_CLIENT)
		return w->len ? FI_NO : FI_MORE;
	if (w->len < 3)
		return w->len > 1 && fi_at(w, 1) ? FI_NO : FI_MORE;
	if (n < 2 || n > 64)
		return FI_NO;
	for (__u32 i = 0; i < 64; i++)
		bad |= ((fi_alpha(fi_at(w, 3 + i)) | fi_digit(fi_at(w, 3 + i)) | fi_range(fi_at(w, 3 + i), '-', '.') | fi_equal(fi_at(w, 3 + i), ':') |
			 fi_equal(fi_at(w, 3 + i), '%')) ^
			1) &
		       fi_below(i, n) & (__u32)fi_in(w, 3 + i, 1);
	if (bad || (fi_in(w, 3 + n, 2) && fi_be16(w, 3 + n)) || w->total > 7 + n)
		return FI_NO;
	return w->total < 7 + n ? FI_MORE : FI_HIT(FI_FAIR, FI_SERVER, 2, 0);
}
