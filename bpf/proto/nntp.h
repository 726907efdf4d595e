/* SPDX-License-Identifier: Apache-2.0 */
/* NNTP, RFC 3977. */
#include "../text.h"

FI_PROTO(nntp, 78, 36, FI_TCP, "Network News Transfer Protocol", FI_PORTS(119), FI_THEN(tls));

/* FI_SIGNATURES 1 "greeting" 2 "command" */
FI_SIG(nntp)
{
	FI_CHECK(w);
	__u32 code;

	if (w->len < 5)
		return fi_alpha(fi_at(w, 0)) || fi_digit(fi_at(w, 0)) ? FI_MORE : FI_NO;
	code = fi_reply(w);
	if (code == 200 || code == 201) {
		if (!fi_is_text(w, 64))
			return FI_NO;
		if (fi_has_word(w, FI_WORD('N', 'N', 'T', 'P'), 120) || fi_has_word(w, FI_WORD('P', 'O', 'S', 'T'), 120))
			return FI_HIT(FI_FAIR, FI_SERVER, 1, 0);
		return FI_HIT(fi_port(w, 119) ? FI_FAIR : FI_WEAK, FI_SERVER, 1, 0);
	}
	enum fi_fit mode = fi_fit_nocase(w, 0, "mode reader"), auth = fi_fit_nocase(w, 0, "authinfo user "), group = fi_fit_nocase(w, 0, "newgroups ");

	if (mode == FI_FIT_YES || auth == FI_FIT_YES || group == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_CLIENT, 2, 0);
	if (mode == FI_FIT_MORE || auth == FI_FIT_MORE || group == FI_FIT_MORE)
		return FI_MORE;
	if (fi_is(w, 0, "GROUP ") && fi_is_text(w, 48))
		return FI_HIT(FI_WEAK, FI_CLIENT, 2, 0);
	return FI_NO;
}
