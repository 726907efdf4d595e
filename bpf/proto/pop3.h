/* SPDX-License-Identifier: Apache-2.0 */
/* POP3, RFC 1939, 2449, 2595. "+OK" is also Redis's: the rest of the line, or the client's verb, must say more. */
#include "../text.h"

FI_PROTO(pop3, 76, 36, FI_TCP, "Post Office Protocol", FI_PORTS(110), FI_THEN(tls));

/* FI_SIGNATURES 1 "greeting or reply" 2 "command" */
FI_SIG(pop3)
{
	FI_CHECK(w);
	__u32 word;
	enum fi_fit ok = fi_fit(w, 0, "+OK"), err = fi_fit(w, 0, "-ERR");

	if (ok == FI_FIT_YES || err == FI_FIT_YES) {
		__u8 c = ok == FI_FIT_YES ? fi_at(w, 3) : fi_at(w, 4);

		if (w->len < 5)
			return FI_MORE;
		if ((c != ' ' && c != '\r' && c != '\n') || !fi_is_text(w, 64))
			return FI_NO;
		/* Redis never says more than OK on its line */
		return FI_HIT(ok == FI_FIT_YES && c == ' ' && fi_range(fi_at(w, 4), 0x21, 0x7e) ? FI_FAIR : FI_WEAK, FI_SERVER, 1, 0);
	}
	if (ok == FI_FIT_MORE || err == FI_FIT_MORE)
		return FI_MORE;
	if (!fi_alpha(fi_at(w, 0)))
		return FI_NO;
	if (w->len < 5)
		return FI_MORE;
	word = fi_word_upper(w, 0);
	__u8 after = fi_at(w, 4);

	if (!fi_is_text(w, 32))
		return FI_NO;
	if (after == '\r' || after == '\n') {
		if (word == FI_WORD('C', 'A', 'P', 'A') || word == FI_WORD('S', 'T', 'L', 'S') || word == FI_WORD('U', 'I', 'D', 'L'))
			return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
		if (word == FI_WORD('S', 'T', 'A', 'T') || word == FI_WORD('L', 'I', 'S', 'T') || word == FI_WORD('A', 'U', 'T', 'H'))
			return FI_HIT(FI_WEAK, FI_CLIENT, 2, 0);
	}
	if (after == ' ') {
		if (word == FI_WORD('A', 'P', 'O', 'P'))
			return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
		if (word == FI_WORD('U', 'S', 'E', 'R') || word == FI_WORD('P', 'A', 'S', 'S') || word == FI_WORD('R', 'E', 'T', 'R') ||
		    word == FI_WORD('D', 'E', 'L', 'E') || word == FI_WORD('A', 'U', 'T', 'H'))
			return FI_HIT(fi_port(w, 110) ? FI_FAIR : FI_WEAK, FI_CLIENT, 2, 0);
	}
	return FI_NO;
}
