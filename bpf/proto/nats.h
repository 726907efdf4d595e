/* SPDX-License-Identifier: Apache-2.0 */
/* NATS client protocol: the server greets with INFO {json}, the client answers CONNECT {json}. */
#include "../text.h"

FI_PROTO(nats, 30, 32, FI_TCP, "NATS", FI_PORTS(4222, 6222), FI_THEN(tls));

/* FI_SIGNATURES 1 "INFO" 2 "CONNECT" 3 "PUB, SUB or MSG" */
FI_SIG(nats)
{
	FI_CHECK(w);
	enum fi_fit info = fi_fit_nocase(w, 0, "info "), connect = fi_fit_nocase(w, 0, "connect ");

	if (info == FI_FIT_YES || connect == FI_FIT_YES) {
		__u32 off = info == FI_FIT_YES ? 5 : 8;
		__u32 brace = fi_at(w, off) == ' ' || fi_at(w, off) == '\t' ? off + 1 : off;

		if (w->len < brace + 2)
			return FI_MORE;
		if (fi_at(w, brace) != '{' || (fi_at(w, brace + 1) != '"' && fi_at(w, brace + 1) != ' ' && fi_at(w, brace + 1) != '}'))
			return FI_NO;
		return FI_HIT(FI_STRONG, info == FI_FIT_YES ? FI_SERVER : FI_CLIENT, info == FI_FIT_YES ? 1 : 2, 0);
	}
	if (info == FI_FIT_MORE || connect == FI_FIT_MORE)
		return FI_MORE;
	enum fi_fit pub = fi_fit(w, 0, "PUB "), sub = fi_fit(w, 0, "SUB "), msg = fi_fit(w, 0, "MSG "), hpub = fi_fit(w, 0, "HPUB "), hmsg = fi_fit(w, 0, "HMSG ");

	if (pub == FI_FIT_YES || sub == FI_FIT_YES || msg == FI_FIT_YES || hpub == FI_FIT_YES || hmsg == FI_FIT_YES) {
		__u32 line = fi_line(w, 128);

		if (!line)
			return w->len < 128 ? FI_MORE : FI_NO;
		/* the line ends with a number (sid or length) and CR LF */
		if (line < 8 || fi_at(w, line - 2) != '\r' || !(fi_digit(fi_at(w, line - 3)) || sub == FI_FIT_YES))
			return FI_NO;
		return FI_HIT(FI_FAIR, msg == FI_FIT_YES || hmsg == FI_FIT_YES ? FI_SERVER : FI_CLIENT, 3, 0);
	}
	if (pub == FI_FIT_MORE || sub == FI_FIT_MORE || msg == FI_FIT_MORE || hpub == FI_FIT_MORE || hmsg == FI_FIT_MORE)
		return FI_MORE;
	enum fi_fit ping = fi_fit(w, 0, "PING\r\n"), pong = fi_fit(w, 0, "PONG\r\n"), ok = fi_fit(w, 0, "+OK\r\n");

	if (ping == FI_FIT_YES || pong == FI_FIT_YES || ok == FI_FIT_YES)
		return FI_HIT(fi_port(w, 4222) ? FI_FAIR : FI_WEAK, FI_EITHER, 3, 0);
	return ping == FI_FIT_MORE || pong == FI_FIT_MORE || ok == FI_FIT_MORE ? FI_MORE : FI_NO;
}
