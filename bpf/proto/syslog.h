/* SPDX-License-Identifier: Apache-2.0 */
/* Syslog, RFC 5424 and RFC 3164; over TCP also with octet counting (RFC 6587). */
#include "../text.h"

FI_PROTO(syslog, 65, 50, FI_TCP | FI_UDP, "Syslog", FI_PORTS(514, 601, 1514), FI_THEN());

/* FI_SIGNATURES 1 "RFC 5424" 2 "RFC 3164" 3 "priority only" */
FI_SIG(syslog)
{
	FI_CHECK(w);
	__u32 base = 0, pri, n;

	if (w->l4 == FI_TCP && fi_range(fi_at(w, 0), '1', '9')) { /* "123 <" */
		base = fi_at(w, 1) == ' ' ? 2 : fi_at(w, 2) == ' ' ? 3 : fi_at(w, 3) == ' ' ? 4 : fi_at(w, 4) == ' ' ? 5 : 0;
		if (!base)
			return w->len < 5 && fi_is_text(w, 5) ? FI_MORE : FI_NO;
		if ((base > 2 && !fi_digit(fi_at(w, 1))) || (base > 3 && !fi_digit(fi_at(w, 2))) || (base > 4 && !fi_digit(fi_at(w, 3))))
			return FI_NO;
	}
	if (w->len < base + 8)
		return w->len <= base || fi_at(w, base) == '<' ? (w->whole ? FI_NO : FI_MORE) : FI_NO;
	if (fi_at(w, base) != '<' || !fi_digit(fi_at(w, base + 1)))
		return FI_NO;
	__u32 a = fi_at(w, base + 1) - '0', b = fi_at(w, base + 2), c = fi_at(w, base + 3);

	if (b == '>') {
		pri = a;
		n = 3;
	} else if (fi_digit(b) && c == '>') {
		pri = a * 10 + b - '0';
		n = 4;
	} else if (fi_digit(b) && fi_digit(c) && fi_at(w, base + 4) == '>') {
		pri = a * 100 + (b - '0') * 10 + c - '0';
		n = 5;
	} else {
		return FI_NO;
	}
	if (pri > 191)
		return FI_NO;
	n += base;
	if (fi_at(w, n) == '1' && fi_at(w, n + 1) == ' ' && (fi_digit(fi_at(w, n + 2)) || fi_at(w, n + 2) == '-'))
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, base);
	/* "Jan  1 00:00:00" */
	if (w->len < n + 7)
		return w->whole ? FI_NO : FI_MORE;
	if (fi_upper(fi_at(w, n)) && fi_alpha(fi_at(w, n + 1)) && fi_alpha(fi_at(w, n + 2)) && fi_at(w, n + 3) == ' ' && fi_digit(fi_at(w, n + 5)))
		return FI_HIT(FI_STRONG, FI_CLIENT, 2, base);
	if (w->whole && fi_is_text(w, 64) && fi_print(fi_at(w, n)))
		return FI_HIT(FI_FAIR, FI_CLIENT, 3, base);
	return FI_HIT(fi_port(w, 514) ? FI_FAIR : FI_WEAK, FI_CLIENT, 3, base);
}
