/* SPDX-License-Identifier: Apache-2.0 */
/* X Window System, version 11: the client's byte order and version, and how it proves that it may; the server's answer. */
FI_PROTO(x11, 207, 42, FI_TCP, "X11", FI_PORTS(6000, 6001, 6010), FI_THEN());

/* FI_SIGNATURES 1 "connection setup" 2 "setup accepted" */
FI_SIG(x11)
{
	FI_CHECK(w);
	enum fi_fit little = fi_fit(w, 0, "l\0\x0b\0\0\0"), big = fi_fit(w, 0, "B\0\0\x0b\0\0"), taken = fi_fit(w, 0, "\x01\0\x0b\0\0\0"),
		    taken_big = fi_fit(w, 0, "\x01\0\0\x0b\0\0");

	if (!w->start)
		return FI_NO;
	if (little == FI_FIT_YES || big == FI_FIT_YES) {
		if (w->len < 12)
			return FI_MORE;
		__u32 name = big == FI_FIT_YES ? fi_be16(w, 6) : fi_le16(w, 6), data = big == FI_FIT_YES ? fi_be16(w, 8) : fi_le16(w, 8);

		if (name > 32 || data > 1024 || fi_be16(w, 10))
			return FI_NO;
		/* nothing, or the name of a way of proof */
		if (!name)
			return !data ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
		return w->len < 13 ? FI_MORE : fi_upper(fi_at(w, 12)) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	if (little == FI_FIT_MORE || big == FI_FIT_MORE || ((taken == FI_FIT_MORE || taken_big == FI_FIT_MORE) && w->from != FI_CLIENT))
		return FI_MORE;
	if ((taken != FI_FIT_YES && taken_big != FI_FIT_YES) || w->from == FI_CLIENT)
		return FI_NO;
	if (w->len < 32)
		return FI_MORE;
	/* length of the vendor's name, number of pixmap formats and of screens: none is nothing */
	__u32 vendor = taken == FI_FIT_YES ? fi_le16(w, 24) : fi_be16(w, 24);

	return vendor && vendor < 256 && fi_at(w, 28) && fi_at(w, 29) ? FI_HIT(FI_STRONG, FI_SERVER, 2, 0) : FI_NO;
}
