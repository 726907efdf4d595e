/* SPDX-License-Identifier: Apache-2.0 */
/* SSDP, UPnP Device Architecture 2.0 §1: HTTP messages in UDP datagrams. The replies look like any HTTP reply, so one of
 * SSDP's own header fields is asked for. */
#include "httptext.h"

FI_PROTO(ssdp, 70, 24, FI_UDP, "SSDP", FI_PORTS(1900), FI_THEN());

/* FI_SIGNATURES 1 "M-SEARCH" 2 "NOTIFY" 3 "reply with SSDP header fields" */
FI_SIG(ssdp)
{
	FI_CHECK(w);
	if (fi_fit_nocase(w, 0, "m-search * http/1.") == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	if (fi_fit_nocase(w, 0, "notify * http/1.") == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
	if (!fi_is(w, 0, "HTTP/1.") || !fi_is(w, 8, " 200") || !(fi_headers(w, 0) & FI_H_SSDP))
		return FI_NO;
	return FI_HIT(FI_STRONG, FI_SERVER, 3, 0);
}

#ifdef FI_HOST
#include "httplabels.h"

FI_LABELS(ssdp)
{
	struct fi_http_message m;
	int done = fi_http_read(t, 0, &m);

	if (done) {
		fi_label_slice(out, FI_L_SSDP_TARGET, m.ssdp_target);
		fi_label_slice(out, FI_L_HTTP_SERVER, m.server);
		fi_label_slice(out, FI_L_HTTP_USER_AGENT, m.user_agent);
	}
	return done;
}
#endif
