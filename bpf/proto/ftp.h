/* SPDX-License-Identifier: Apache-2.0 */
/* FTP control connection, RFC 959, 2228, 2389, 2428. */
#include "../text.h"

FI_PROTO(ftp, 77, 36, FI_TCP, "File Transfer Protocol", FI_PORTS(21, 2121), FI_THEN(tls));

/* FI_SIGNATURES 1 "greeting" 2 "command" 3 "reply" */
FI_SIG(ftp)
{
	FI_CHECK(w);
	__u32 word, code;

	if (w->len < 5)
		return fi_alpha(fi_at(w, 0)) || fi_digit(fi_at(w, 0)) ? FI_MORE : FI_NO;
	code = fi_reply(w);
	if (code) {
		if (!fi_is_text(w, 64))
			return FI_NO;
		if (code == 220 && (fi_has_word(w, FI_WORD('F', 'T', 'P', ' '), 160) || fi_has_word(w, FI_WORD('F', 'T', 'P', 'D'), 160) ||
				    fi_has_word(w, FI_WORD(' ', 'F', 'T', 'P'), 160)))
			return FI_HIT(FI_FAIR, FI_SERVER, 1, 0);
		if (code == 220 || code == 120)
			return FI_HIT(fi_port(w, 21) ? FI_FAIR : FI_WEAK, FI_SERVER, 1, 0);
		if (code == 227 || code == 229) /* Entering (Extended) Passive Mode (… */
			return fi_has_word(w, FI_WORD('P', 'A', 'S', 'S'), 40) ? FI_HIT(FI_FAIR, FI_SERVER, 3, 0) : FI_NO;
		if (code == 331 || code == 234 || code == 257 || code == 226 || code == 150 || code == 530)
			return FI_HIT(code == 331 || code == 257 || fi_port(w, 21) ? FI_FAIR : FI_WEAK, FI_SERVER, 3, 0);
		if (code == 230 || code == 215 || code == 200 || code == 211 || code == 213 || code == 221 || code == 250 || code == 500 || code == 502 || code == 550)
			return FI_HIT(FI_WEAK, FI_SERVER, 3, 0);
		return FI_NO;
	}
	word = fi_word_upper(w, 0);
	__u8 after = fi_at(w, 4);

	if (!fi_is_text(w, 32))
		return FI_NO;
	if (after == ' ') {
		if (word == FI_WORD('U', 'S', 'E', 'R') || word == FI_WORD('P', 'A', 'S', 'S'))
			return FI_HIT(fi_port(w, 21) ? FI_FAIR : FI_WEAK, FI_CLIENT, 2, 0);
		if (word == FI_WORD('R', 'E', 'T', 'R') || word == FI_WORD('S', 'T', 'O', 'R') || word == FI_WORD('O', 'P', 'T', 'S') ||
		    word == FI_WORD('P', 'O', 'R', 'T') || word == FI_WORD('E', 'P', 'R', 'T') || word == FI_WORD('T', 'Y', 'P', 'E') ||
		    word == FI_WORD('P', 'R', 'O', 'T') || word == FI_WORD('P', 'B', 'S', 'Z') || word == FI_WORD('M', 'D', 'T', 'M') ||
		    word == FI_WORD('L', 'I', 'S', 'T') || word == FI_WORD('C', 'W', 'D', ' ') || word == FI_WORD('S', 'I', 'Z', 'E'))
			return FI_HIT(fi_port(w, 21) ? FI_FAIR : FI_WEAK, FI_CLIENT, 2, 0);
		enum fi_fit tls = fi_fit(w, 0, "AUTH TLS"), ssl = fi_fit(w, 0, "AUTH SSL");

		if (tls == FI_FIT_YES || ssl == FI_FIT_YES)
			return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
		if (tls == FI_FIT_MORE || ssl == FI_FIT_MORE)
			return FI_MORE;
	}
	if (after == '\r' || after == '\n') {
		if (word == FI_WORD('F', 'E', 'A', 'T') || word == FI_WORD('P', 'A', 'S', 'V') || word == FI_WORD('E', 'P', 'S', 'V') ||
		    word == FI_WORD('S', 'Y', 'S', 'T'))
			return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
		if (word == FI_WORD('L', 'I', 'S', 'T') || word == FI_WORD('N', 'L', 'S', 'T'))
			return FI_HIT(FI_WEAK, FI_CLIENT, 2, 0);
	}
	return FI_NO;
}
