/* SPDX-License-Identifier: Apache-2.0 */
/* Ceph messenger: both ends begin with a banner, "ceph v027" (protocol 1) or "ceph v2\n" and the length of a payload of
 * feature bits (protocol 2). */
FI_PROTO(ceph, 84, 10, FI_TCP, "Ceph messenger", FI_PORTS(3300, 6789, 6800), FI_THEN());

/* FI_SIGNATURES 1 "banner of protocol 1" 2 "banner of protocol 2" */
FI_SIG(ceph)
{
	FI_CHECK(w);
	enum fi_fit banner = fi_fit(w, 0, "ceph v");
	__u32 len;

	if (banner != FI_FIT_YES)
		return banner == FI_FIT_MORE ? FI_MORE : FI_NO;
	if (fi_at(w, 6) == '2' && (w->len < 8 || fi_at(w, 7) == '\n')) {
		if (w->len < 10)
			return FI_MORE;
		len = fi_le16(w, 8);
		/* two or more words of 64 bits */
		return len >= 16 && len <= 256 && !(len & 7) ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_NO;
	}
	if (w->len < 9)
		return (w->len < 7 || fi_digit(fi_at(w, 6))) && (w->len < 8 || fi_digit(fi_at(w, 7))) ? FI_MORE : FI_NO;
	return fi_digit(fi_at(w, 6)) & fi_digit(fi_at(w, 7)) & fi_digit(fi_at(w, 8)) ? FI_HIT(FI_STRONG, FI_EITHER, 1, 0) : FI_NO;
}
