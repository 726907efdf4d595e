/* SPDX-License-Identifier: Apache-2.0 */
/* STOMP 1.0–1.2: a command line, header lines, an empty line, a body, NUL. */
#include "../text.h"

FI_PROTO(stomp, 31, 33, FI_TCP, "STOMP", FI_PORTS(61613, 61614), FI_THEN());

/* FI_SIGNATURES 1 "CONNECT frame" 2 "CONNECTED frame" 3 "frame" */
FI_SIG(stomp)
{
	FI_CHECK(w);
	enum fi_fit a = fi_fit(w, 0, "CONNECT\n"), b = fi_fit(w, 0, "STOMP\n"), c = fi_fit(w, 0, "CONNECTED\n"), d = fi_fit(w, 0, "CONNECT\r\n"),
		    s = fi_fit(w, 0, "SEND\ndestination:"), u = fi_fit(w, 0, "SUBSCRIBE\n"), m = fi_fit(w, 0, "MESSAGE\n");

	if (a == FI_FIT_YES || b == FI_FIT_YES || d == FI_FIT_YES) {
		if (w->len < 24)
			return FI_MORE;
		return fi_is_text(w, 24) && (fi_has_word(w, FI_WORD('A', 'C', 'C', 'E'), 200) || fi_has_word(w, FI_WORD('H', 'O', 'S', 'T'), 200) || fi_has_word(w, FI_WORD('L', 'O', 'G', 'I'), 200)) ?
			       FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) :
			       w->len < 200 ? FI_MORE : FI_NO;
	}
	if (c == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	if (s == FI_FIT_YES || u == FI_FIT_YES || m == FI_FIT_YES)
		return FI_HIT(FI_FAIR, m == FI_FIT_YES ? FI_SERVER : FI_CLIENT, 3, 0);
	return a == FI_FIT_MORE || b == FI_FIT_MORE || c == FI_FIT_MORE || d == FI_FIT_MORE || s == FI_FIT_MORE || u == FI_FIT_MORE || m == FI_FIT_MORE ? FI_MORE : FI_NO;
}
