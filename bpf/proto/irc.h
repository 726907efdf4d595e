/* SPDX-License-Identifier: Apache-2.0 */
/* IRC, RFC 1459, 2812. Clients begin with NICK/USER/PASS/CAP; servers with ":name NNN" or ":name NOTICE". */
#include "../text.h"

FI_PROTO(irc, 58, 34, FI_TCP, "Internet Relay Chat", FI_PORTS(6667, 6668, 6669), FI_THEN(tls));

/* FI_SIGNATURES 1 "NICK or USER" 2 "server message" 3 "CAP" */
FI_SIG(irc)
{
	FI_CHECK(w);
	__u32 word;

	if (fi_at(w, 0) == ':') {
		/* ":prefix SP command": find the space within 64 bytes */
		__u32 sp = 0;

		for (__u32 i = 1; i < 64; i++) {
			sp |= fi_equal(fi_at(w, i), ' ') * fi_equal(sp, 0) * i;
		}
		if (!sp)
			return w->len < 64 ? FI_MORE : FI_NO;
		if (w->len < sp + 9)
			return FI_MORE;
		if (!fi_is_text(w, 96))
			return FI_NO;
		word = fi_be32(w, sp + 1);
		if (fi_is(w, sp + 1, "NOTICE ") || fi_is(w, sp + 1, "PRIVMSG "))
			return FI_HIT(FI_STRONG, FI_EITHER, 2, sp);
		if (word == FI_WORD('J', 'O', 'I', 'N') || word == FI_WORD('P', 'A', 'R', 'T') || word == FI_WORD('Q', 'U', 'I', 'T') ||
		    word == FI_WORD('M', 'O', 'D', 'E') || word == FI_WORD('N', 'I', 'C', 'K') || word == FI_WORD('P', 'O', 'N', 'G'))
			return FI_HIT(FI_FAIR, FI_SERVER, 2, sp);
		if (fi_digit(word >> 24) && fi_digit(word >> 16 & 0xff) && fi_digit(word >> 8 & 0xff) && (word & 0xff) == ' ')
			return FI_HIT(FI_FAIR, FI_SERVER, 2, sp);
		return FI_NO;
	}
	if (!fi_alpha(fi_at(w, 0)))
		return FI_NO;
	if (w->len < 6)
		return FI_MORE;
	word = fi_be32(w, 0);
	enum fi_fit privmsg = fi_fit(w, 0, "PRIVMSG ");

	if (privmsg == FI_FIT_MORE || (privmsg == FI_FIT_YES && w->len < 9))
		return FI_MORE;
	if (privmsg == FI_FIT_YES) /* its text may hold control characters (CTCP) */
		return fi_range(fi_at(w, 8), 0x21, 0x7e) ? FI_HIT(FI_FAIR, FI_EITHER, 2, 0) : FI_NO;
	if (!fi_is_text(w, 48))
		return FI_NO;
	if (word == FI_WORD('N', 'I', 'C', 'K') && fi_at(w, 4) == ' ' && fi_range(fi_at(w, 5), 0x21, 0x7d))
		return FI_HIT(FI_FAIR, FI_CLIENT, 1, 0);
	if (fi_is(w, 0, "CAP LS") || fi_is(w, 0, "CAP REQ "))
		return FI_HIT(FI_FAIR, FI_CLIENT, 3, 0);
	if (word == FI_WORD('U', 'S', 'E', 'R') && fi_at(w, 4) == ' ')
		return FI_HIT(FI_WEAK, FI_CLIENT, 1, 0);
	if (fi_is(w, 0, "NOTICE AUTH :"))
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	if ((word == FI_WORD('P', 'I', 'N', 'G') || word == FI_WORD('P', 'O', 'N', 'G')) && fi_at(w, 4) == ' ')
		return FI_HIT(fi_port(w, 6667) ? FI_FAIR : FI_WEAK, FI_EITHER, 2, 0);
	if (fi_is(w, 0, "JOIN #"))
		return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
	return FI_NO;
}
