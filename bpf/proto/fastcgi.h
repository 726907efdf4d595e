/* SPDX-License-Identifier: Apache-2.0 */
/* FastCGI 1.0: records of version 1, type, request, content length, padding, reserved. */
FI_PROTO(fastcgi, 40, 45, FI_TCP, "FastCGI", FI_PORTS(9000), FI_THEN());

#define FI_FCGI_HEAD 8

/* A record header at off: 0 bad, 1 not all there, 2 good. */
fi_inline __u32 fi_fcgi_head(const struct fi_win *w, __u32 off)
{
	__u32 type = fi_at(w, off + 1);

	if (!fi_in(w, off, FI_FCGI_HEAD))
		return 1;
	return 2 * (fi_equal(fi_at(w, off), 1) & fi_range(type, 1, 11) & fi_equal(fi_at(w, off + 7), 0));
}

/* FI_SIGNATURES 1 "BEGIN_REQUEST" 2 "END_REQUEST" 3 "STDOUT or STDERR" 4 "PARAMS" 5 "GET_VALUES" */
FI_SIG(fastcgi)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 1), len = fi_be16(w, 4), pad = fi_at(w, 6), next, bad = 0;

	if (w->len && fi_at(w, 0) != 1)
		return FI_NO;
	if (w->len > 1 && !fi_range(type, 1, 11))
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (fi_at(w, 7) != 0)
		return FI_NO;
	if (type == 1 || type == 3) {
		if (len != 8 || pad > 7)
			return FI_NO;
		if (w->len < 16)
			return FI_MORE;
		if (type == 1) /* role, keep-alive flag, five reserved bytes */
			return fi_range(fi_be16(w, 8), 1, 3) && fi_at(w, 8) == 0 && fi_at(w, 10) <= 1 && fi_at(w, 11) == 0 && fi_be32(w, 12) == 0 ?
				       FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) :
				       FI_NO;
		return fi_at(w, 12) <= 3 && fi_at(w, 13) == 0 && fi_be16(w, 14) == 0 ? FI_HIT(FI_FAIR, FI_SERVER, 2, 0) : FI_NO;
	}
	if (type == 6 || type == 7) {
		/* CGI headers or a log line */
		if (len < 8)
			return FI_NO;
		if (w->len < 24)
			return FI_MORE;
		for (__u32 i = 8; i < 16; i++)
			bad |= (fi_print(fi_at(w, i)) ^ 1) & (fi_equal(fi_at(w, i), '\r') ^ 1) & (fi_equal(fi_at(w, i), '\n') ^ 1);
		if (bad)
			return FI_NO;
	} else if (type == 4) { /* name and value lengths of one byte each, names are capitals */
		if (len < 4)
			return FI_NO;
		if (w->len < 16)
			return FI_MORE;
		next = fi_at(w, 9) & 0x80 ? 13 : 10;
		if (fi_at(w, 8) < 2 || fi_at(w, 8) > 64 || !fi_range(fi_at(w, next), 'A', 'Z') || !(fi_range(fi_at(w, next + 1), 'A', 'Z') | fi_equal(fi_at(w, next + 1), '_')))
			return FI_NO;
	} else if (type == 9) {
		if (w->len < 16)
			return FI_MORE;
		return fi_be16(w, 2) == 0 && fi_fit(w, 10, "FCGI_") == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_CLIENT, 5, 10) : FI_NO;
	} else {
		return FI_NO;
	}
	next = FI_FCGI_HEAD + len + pad;
	if (next + FI_FCGI_HEAD > FI_WINDOW) /* the next header is out of sight */
		return FI_HIT(fi_port(w, 9000) || (type == 6 && (len + pad) % 8 == 0) ? FI_FAIR : FI_WEAK, type == 4 ? FI_CLIENT : FI_SERVER, type == 4 ? 4 : 3, 0);
	bad = fi_fcgi_head(w, next);
	if (bad == 1)
		return FI_MORE;
	return bad ? FI_HIT(FI_FAIR, type == 4 ? FI_CLIENT : FI_SERVER, type == 4 ? 4 : 3, 0) : FI_NO;
}
