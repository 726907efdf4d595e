/* SPDX-License-Identifier: Apache-2.0 */
/* MGCP, RFC 3435 §3.2: a verb of four letters, a transaction, an endpoint, "MGCP 1.0". The reply is a number, the
 * transaction and words: weak alone. */
#include "walk.h"

FI_PROTO(mgcp, 169, 34, FI_UDP, "Media Gateway Control Protocol", FI_PORTS(2427, 2727), FI_THEN());

/* FI_SIGNATURES 1 "command" 2 "reply" */
FI_SIG(mgcp)
{
	FI_CHECK(w);
	__u32 verb = fi_word_upper(w, 0), line, digits = 1;

	if (!w->whole || w->total < 6)
		return FI_NO;
	if (fi_at(w, 4) == ' ') {
		__u32 known = fi_equal(verb, FI_WORD('E', 'P', 'C', 'F')) | fi_equal(verb, FI_WORD('C', 'R', 'C', 'X')) |
			      fi_equal(verb, FI_WORD('M', 'D', 'C', 'X')) | fi_equal(verb, FI_WORD('D', 'L', 'C', 'X')) |
			      fi_equal(verb, FI_WORD('R', 'Q', 'N', 'T')) | fi_equal(verb, FI_WORD('N', 'T', 'F', 'Y')) |
			      fi_equal(verb, FI_WORD('A', 'U', 'E', 'P')) | fi_equal(verb, FI_WORD('A', 'U', 'C', 'X')) |
			      fi_equal(verb, FI_WORD('R', 'S', 'I', 'P')) | fi_equal(verb, FI_WORD('M', 'E', 'S', 'G'));

		if (!known || !fi_digit(fi_at(w, 5)))
			return FI_NO;
		line = fi_seek(w, '\r', 0, FI_SCAN); /* some end their lines in it alone */
		if (!line)
			line = fi_line(w, FI_SCAN);
		return line && fi_has_word(w, FI_WORD('M', 'G', 'C', 'P'), line) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	/* "200 1234 OK": a code, one to nine digits, then a blank or the end of the line */
	if (!(fi_digit(fi_at(w, 0)) & fi_digit(fi_at(w, 1)) & fi_digit(fi_at(w, 2)) & fi_equal(fi_at(w, 3), ' ') & fi_digit(fi_at(w, 4))))
		return FI_NO;
	for (__u32 i = 1; i < 9; i++)
		digits += fi_equal(digits, i) & fi_digit(fi_at(w, 4 + i));
	line = fi_line(w, FI_SCAN);
	if (!line || !fi_is_text(w, line))
		return FI_NO;
	verb = fi_at(w, 4 + digits);
	return verb == ' ' || verb == '\r' || verb == '\n' ? FI_HIT(FI_WEAK, FI_SERVER, 2, 0) : FI_NO;
}
