/* SPDX-License-Identifier: Apache-2.0 */
/* RTSP, RFC 2326 and RFC 7826: `METHOD SP rtsp://… SP RTSP/1.0` and `RTSP/1.0 SP NNN`. Interleaved media ('$') joined
 * mid-stream is not claimed. */
#include "httptext.h"

FI_PROTO(rtsp, 52, 25, FI_TCP | FI_UDP, "RTSP", FI_PORTS(554, 8554), FI_THEN());

/* FI_SIGNATURES 1 "request line" 2 "status line" */
FI_SIG(rtsp)
{
	FI_CHECK(w);
	__u32 s = fi_line_skip(w), n, lf, end;
	enum fi_fit fit = fi_fit(w, s, "RTSP/");

	if (s >= w->len || (fit == FI_FIT_MORE && fi_open(w)))
		return fi_wait(w);
	if (fit == FI_FIT_YES) {
		if (!fi_in(w, s, 13))
			return fi_wait(w);
		return fi_range(fi_at(w, s + 5), '1', '2') && fi_is(w, s + 6, ".0 ") && fi_status(w, s + 9)
			       ? FI_HIT(FI_STRONG, FI_SERVER, 2, s)
			       : FI_NO;
	}
	n = fi_method(w, s);
	if (n == 0 || n & 0x100)
		return FI_NO;
	if (n == FI_METHOD_MAX)
		return fi_wait(w);
	lf = fi_line_end(w, s);
	if (lf >= FI_WINDOW)
		return fi_wait(w);
	end = fi_line_trim(w, lf);
	return end >= s + n + 11 && fi_is(w, end - 9, " RTSP/") && fi_range(fi_at(w, end - 3), '1', '2') &&
			       fi_is(w, end - 2, ".0")
		       ? FI_HIT(FI_STRONG, FI_CLIENT, 1, s)
		       : FI_NO;
}

#ifdef FI_HOST
#include "httplabels.h"

FI_LABELS(rtsp)
{
	struct fi_http_message m;
	int done = fi_http_read(t, 0, &m);

	if (done) {
		fi_label_slice(out, FI_L_HTTP_USER_AGENT, m.user_agent);
		fi_label_slice(out, FI_L_HTTP_SERVER, m.server);
	}
	return done;
}
#endif
