/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP4rev1/2, RFC 3501, 9051. The server greets with "* OK"; every client line has a tag before the command. */
#include "../text.h"

FI_PROTO(imap, 75, 35, FI_TCP, "Internet Message Access Protocol", FI_PORTS(143), FI_THEN(tls));

/* FI_SIGNATURES 1 "greeting" 2 "tagged command" 3 "untagged response" */
FI_SIG(imap)
{
	FI_CHECK(w);
	__u32 tag = 0, word;

	if (fi_at(w, 0) == '*') {
		enum fi_fit ok = fi_fit(w, 0, "* OK "), pre = fi_fit(w, 0, "* PREAUTH "), cap = fi_fit(w, 0, "* CAPABILITY "),
			    bye = fi_fit(w, 0, "* BYE ");

		if (ok == FI_FIT_YES || pre == FI_FIT_YES || bye == FI_FIT_YES)
			return fi_is_text(w, 64) ? FI_HIT(FI_FAIR, FI_SERVER, 1, 0) : FI_NO;
		if (cap == FI_FIT_YES)
			return fi_has_word(w, FI_WORD('I', 'M', 'A', 'P'), 120) ? FI_HIT(FI_STRONG, FI_SERVER, 3, 0) :
			       w->len < 120				      ? FI_MORE :
										FI_NO;
		return ok == FI_FIT_MORE || pre == FI_FIT_MORE || cap == FI_FIT_MORE || bye == FI_FIT_MORE ? FI_MORE : FI_NO;
	}
	/* tag: letters and digits, up to 15, then a space */
	__u32 in_tag = 1;

	for (__u32 i = 0; i < 16; i++) {
		__u8 c = fi_at(w, i);
		__u32 part = fi_alpha(c) | fi_digit(c) | fi_equal(c, '.');

		in_tag &= part;
		tag += in_tag;
	}
	if (tag == 0 || tag > 15)
		return FI_NO;
	if (w->len <= tag)
		return FI_MORE;
	if (fi_at(w, tag) != ' ')
		return FI_NO;
	if (w->len < tag + 6)
		return FI_MORE;
	if (!fi_is_text(w, 48))
		return FI_NO;
	word = fi_word_upper(w, tag + 1);
	if (word == FI_WORD('C', 'A', 'P', 'A') && fi_fit_nocase(w, tag + 1, "capability") != FI_FIT_NO)
		return w->len < tag + 11 ? FI_MORE : FI_HIT(FI_STRONG, FI_CLIENT, 2, 0);
	if (word == FI_WORD('S', 'T', 'A', 'R') && fi_fit_nocase(w, tag + 1, "starttls") != FI_FIT_NO)
		return w->len < tag + 9 ? FI_MORE : FI_HIT(FI_STRONG, FI_CLIENT, 2, 0);
	if (word == FI_WORD('A', 'U', 'T', 'H') && fi_fit_nocase(w, tag + 1, "authenticate ") != FI_FIT_NO)
		return w->len < tag + 14 ? FI_MORE : FI_HIT(FI_STRONG, FI_CLIENT, 2, 0);
	if (word == FI_WORD('L', 'O', 'G', 'I') && fi_fit_nocase(w, tag + 1, "login ") != FI_FIT_NO)
		return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
	if ((word == FI_WORD('S', 'E', 'L', 'E') && fi_fit_nocase(w, tag + 1, "select ") == FI_FIT_YES) ||
	    (word == FI_WORD('E', 'X', 'A', 'M') && fi_fit_nocase(w, tag + 1, "examine ") == FI_FIT_YES) ||
	    (word == FI_WORD('F', 'E', 'T', 'C') && fi_fit_nocase(w, tag + 1, "fetch ") == FI_FIT_YES) ||
	    (word == FI_WORD('U', 'I', 'D', ' ') && fi_fit_nocase(w, tag + 1, "uid fetch ") == FI_FIT_YES))
		return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
	if (word == FI_WORD('N', 'O', 'O', 'P') || word == FI_WORD('I', 'D', 'L', 'E'))
		return FI_HIT(FI_WEAK, FI_CLIENT, 2, 0);
	return FI_NO;
}
