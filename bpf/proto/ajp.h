/* SPDX-License-Identifier: Apache-2.0 */
/* Apache JServ Protocol 1.3, from a web server to a servlet container: 12 34 or AB, length, kind. */
#include "../labels.h"

FI_PROTO(ajp, 199, 15, FI_TCP, "AJP", FI_PORTS(8009), FI_THEN());

/* FI_SIGNATURES 1 "forwarded request" 2 "ping" 3 "pong" 4 "response headers" 5 "request for a body" */
FI_SIG(ajp)
{
	FI_CHECK(w);
	__u32 magic = fi_be16(w, 0), len = fi_be16(w, 2), kind = fi_at(w, 4);

	if (w->len < 5)
		return w->len == 0 || (fi_at(w, 0) == 0x12 && (w->len < 2 || fi_at(w, 1) == 0x34)) || (fi_at(w, 0) == 'A' && (w->len < 2 || fi_at(w, 1) == 'B')) ?
			       FI_MORE :
			       FI_NO;
	if (magic == 0x1234) {
		if (kind == 10)
			return len == 1 ? FI_HIT(FI_STRONG, FI_CLIENT, 2, 0) : FI_NO;
		if (kind != 2 || len < 20)
			return FI_NO;
		/* method by number, then the version as a text of eight */
		if (w->len < 16)
			return FI_MORE;
		return fi_range(fi_at(w, 5), 1, 27) && fi_be16(w, 6) == 8 && fi_is(w, 8, "HTTP/1.") ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	if (magic != 0x4142)
		return FI_NO;
	if (kind == 9)
		return len == 1 ? FI_HIT(FI_STRONG, FI_SERVER, 3, 0) : FI_NO;
	if (kind == 6)
		return len == 3 ? FI_HIT(FI_FAIR, FI_SERVER, 5, 0) : FI_NO;
	if (kind != 4 || len < 7)
		return FI_NO;
	if (w->len < 7)
		return FI_MORE;
	return fi_range(fi_be16(w, 5), 100, 599) ? FI_HIT(FI_STRONG, FI_SERVER, 4, 0) : FI_NO;
}

#ifdef FI_HOST
/* Path of the first request. */
FI_LABELS(ajp)
{
	if (t->who != FI_CLIENT)
		return 1;
	if (t->len < 19)
		return 0;
	const __u32 n = (__u32)t->data[17] << 8 | t->data[18];

	if (t->data[4] != 2 || n > 512)
		return 1;
	if (t->len < 19 + n)
		return 0;
	fi_label(out, FI_L_HTTP_PATH, t->data + 19, n);
	return 1;
}
#endif
