/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP and LMTP, RFC 5321, 2033. The server greets with 220, as FTP's does: only "SMTP" in the greeting or the client's
 * verb tells them apart. */
#include "../text.h"

FI_PROTO(smtp, 74, 35, FI_TCP, "Simple Mail Transfer Protocol", FI_PORTS(25, 587, 465, 2525), FI_THEN(tls));

/* FI_SIGNATURES 1 "greeting" 2 "EHLO" 3 "MAIL FROM or RCPT TO" 4 "reply" */
FI_SIG(smtp)
{
	FI_CHECK(w);
	__u32 word, code;

	if (w->len < 5)
		return fi_alpha(fi_at(w, 0)) || fi_digit(fi_at(w, 0)) ? FI_MORE : FI_NO;
	word = fi_word_upper(w, 0);
	if ((word == FI_WORD('E', 'H', 'L', 'O') || word == FI_WORD('H', 'E', 'L', 'O') || word == FI_WORD('L', 'H', 'L', 'O')) &&
	    (fi_at(w, 4) == ' ' || fi_at(w, 4) == '\r' || fi_at(w, 4) == '\n'))
		return fi_is_text(w, 48) ? FI_HIT(FI_STRONG, FI_CLIENT, 2, 0) : FI_NO;
	if (word == FI_WORD('M', 'A', 'I', 'L') || word == FI_WORD('R', 'C', 'P', 'T')) {
		enum fi_fit from = fi_fit_nocase(w, 4, " from:"), to = fi_fit_nocase(w, 4, " to:");

		if (from == FI_FIT_YES || to == FI_FIT_YES)
			return FI_HIT(FI_STRONG, FI_CLIENT, 3, 0);
		return from == FI_FIT_MORE || to == FI_FIT_MORE ? FI_MORE : FI_NO;
	}
	code = fi_reply(w);
	if (code == 220 && fi_is_text(w, 64)) {
		if (fi_has_word(w, FI_WORD('S', 'M', 'T', 'P'), 200) || fi_has_word(w, FI_WORD('L', 'M', 'T', 'P'), 200))
			return FI_HIT(FI_FAIR, FI_SERVER, 1, 0);
		return FI_HIT(fi_port(w, 25) || fi_port(w, 587) ? FI_FAIR : FI_WEAK, FI_SERVER, 1, 0);
	}
	if (code == 554 || code == 421)
		return FI_HIT(fi_port(w, 25) && fi_is_text(w, 64) ? FI_FAIR : FI_WEAK, FI_SERVER, 1, 0);
	/* 250-PIPELINING, 250-STARTTLS …: the answer to EHLO */
	if (code == 250 && fi_is_text(w, 64))
		return FI_HIT(fi_at(w, 3) == '-' || fi_port(w, 25) ? FI_FAIR : FI_WEAK, FI_SERVER, 4, 0);
	if (code == 354 && fi_is_text(w, 32))
		return FI_HIT(FI_WEAK, FI_SERVER, 4, 0);
	return FI_NO;
}
