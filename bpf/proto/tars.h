/* SPDX-License-Identifier: Apache-2.0 */
/* Tars RPC: length, then fields of tag and type: version 1, kind of packet 2, … ; a request names its servant, Application.Server.Object. */
FI_PROTO(tars, 204, 48, FI_TCP, "Tars", FI_PORTS(), FI_THEN());

/* A whole number at *at with this tag: past it, or 0. Types 0 to 2 are 1, 2 and 4 bytes, 12 is zero. */
fi_inline __u32 fi_tars_number(const struct fi_win *w, __u32 at, __u32 tag)
{
	__u32 head = fi_at(w, at), type = head & 15;

	if (!at || head >> 4 != tag || !(fi_below(type, 3) | fi_equal(type, 12)))
		return 0;
	return at + 1 + (type == 12 ? 0 : 1u << type);
}

/* FI_SIGNATURES 1 "request" 2 "response" */
FI_SIG(tars)
{
	FI_CHECK(w);
	__u32 len = fi_be32(w, 0), at = 6, n, bad = 0;

	if (w->len < 6)
		return (w->len > 1 && fi_be16(w, 0) > 0x9f) || (w->len > 4 && fi_at(w, 4) != 0x10) ? FI_NO : FI_MORE;
	if (len < 20 || len > 10u << 20 || fi_at(w, 4) != 0x10 || !fi_range(fi_at(w, 5), 1, 3))
		return FI_NO;
	at = fi_tars_number(w, at, 2);
	at = fi_tars_number(w, at, 3);
	at = fi_tars_number(w, at, 4);
	if (!at)
		return fi_in(w, 20, 1) ? FI_NO : FI_MORE;
	if (!fi_in(w, at, 4))
		return FI_MORE;
	n = fi_at(w, at + 1);
	if (fi_at(w, at) == 0x56 && n >= 5 && n <= 100) {
		/* the servant: letters and two dots */
		__u32 dots = 0;

		for (__u32 i = 0; i < 48; i++) {
			__u32 in = fi_below(i, n) & (__u32)fi_in(w, at + 2 + i, 1), c = fi_at(w, at + 2 + i);

			bad |= in & ((fi_alpha(c) | fi_digit(c) | fi_equal(c, '.') | fi_equal(c, '_')) ^ 1);
			dots += in & fi_equal(c, '.');
		}
		return !bad && dots == 2 ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 4) : !bad && !fi_in(w, at + 2 + n, 1) ? FI_MORE : FI_NO;
	}
	/* a result code, then the answer as a vector of bytes */
	at = fi_tars_number(w, at, 5);
	if (!at)
		return FI_NO;
	if (!fi_in(w, at, 2))
		return FI_MORE;
	return fi_be16(w, at) == 0x6d00 && fi_span(w, len) != FI_FIT_NO ? FI_HIT(FI_FAIR, FI_SERVER, 2, 4) : FI_NO;
}
