/* SPDX-License-Identifier: Apache-2.0 */
/* SIP, RFC 3261: `METHOD SP URI SP SIP/2.0` and `SIP/2.0 SP NNN`. Either end of a flow sends both. Keep-alives (empty
 * lines) say nothing. */
#include "httptext.h"

FI_PROTO(sip, 51, 25, FI_TCP | FI_UDP, "SIP", FI_PORTS(5060), FI_THEN());

/* FI_SIGNATURES 1 "request line" 2 "status line" */
FI_SIG(sip)
{
	FI_CHECK(w);
	__u32 s = fi_line_skip(w), n, lf, end;
	enum fi_fit fit = fi_fit(w, s, "SIP/2.0 ");

	if (s >= w->len || (fit == FI_FIT_MORE && fi_open(w)))
		return fi_wait(w);
	if (fit == FI_FIT_YES) {
		if (!fi_in(w, s, 12))
			return fi_wait(w);
		return fi_status(w, s + 8) && fi_range(fi_at(w, s + 8), '1', '6')
			       ? FI_HIT(FI_STRONG, FI_EITHER, 2, s)
			       : FI_NO;
	}
	n = fi_method(w, s);
	if (n == 0 || n & 0x100)
		return FI_NO;
	if (n == FI_METHOD_MAX || s + n + 1 >= w->len)
		return fi_wait(w);
	if (!fi_alpha(fi_at(w, s + n + 1))) /* every URI scheme begins with a letter; HTTP's `/` ends here */
		return FI_NO;
	lf = fi_line_end(w, s);
	if (lf >= FI_WINDOW)
		return fi_wait(w);
	end = fi_line_trim(w, lf);
	return end >= s + n + 10 && fi_is(w, end - 8, " SIP/2.0") ? FI_HIT(FI_STRONG, FI_EITHER, 1, s)
								  : FI_NO;
}

#ifdef FI_HOST
#include "httplabels.h"

FI_LABELS(sip)
{
	struct fi_http_message m;
	int done = fi_http_read(t, 0, &m);

	if (done) {
		fi_label_slice(out, FI_L_SIP_METHOD, m.method);
		fi_label_slice(out, FI_L_HTTP_USER_AGENT, m.user_agent);
	}
	return done;
}
#endif
