/* SPDX-License-Identifier: Apache-2.0 */
/* LDAP, RFC 4511: SEQUENCE, message id, then an application tag. Also connectionless (UDP). */
#include "../ber.h"

FI_PROTO(ldap, 66, 47, FI_TCP | FI_UDP, "Lightweight Directory Access Protocol", FI_PORTS(389, 3268), FI_THEN(tls));

/* FI_SIGNATURES 1 "bind" 2 "search" 3 "response" 4 "other operation" */
FI_SIG(ldap)
{
	FI_CHECK(w);
	if (fi_at(w, 0) != 0x30)
		return FI_NO;
	if (w->len < 7)
		return w->whole ? FI_NO : FI_MORE;
	__u32 head = fi_ber_head(w, 0), len = fi_ber_len(w, 0), idlen, op, body;

	if (!head || len < 5 || len > 1u << 24 || fi_at(w, head) != 2)
		return FI_NO;
	if (w->whole && head + len > w->total)
		return FI_NO;
	if (w->len < head + 3) /* a long form of the length takes up to six bytes */
		return w->whole ? FI_NO : FI_MORE;
	idlen = fi_at(w, head + 1);
	if (idlen < 1 || idlen > 4 || fi_at(w, head + 2) > 0x7f)
		return FI_NO;
	op = head + 2 + idlen;
	/* unbind and abandon are all there is to their messages */
	if (w->len < op + 2)
		return w->whole ? FI_NO : FI_MORE;
	if (fi_at(w, op) == 0x42)
		return fi_at(w, op + 1) == 0 && len == idlen + 4 ? FI_HIT(FI_FAIR, FI_CLIENT, 4, op) : FI_NO;
	if (fi_at(w, op) == 0x50)
		return fi_range(fi_at(w, op + 1), 1, 4) && len == idlen + 4 + fi_at(w, op + 1) ? FI_HIT(fi_port(w, 389) ? FI_FAIR : FI_WEAK, FI_CLIENT, 4, op) : FI_NO;
	if (w->len < op + 5)
		return w->whole ? FI_NO : FI_MORE;
	body = op + fi_ber_head(w, op);
	if (!w->whole && w->len < body + 3)
		return FI_MORE;
	switch (fi_at(w, op)) {
	case 0x60: /* bind: version 2 or 3 */
		return fi_at(w, body) == 2 && fi_at(w, body + 1) == 1 && fi_range(fi_at(w, body + 2), 2, 3) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, op) : FI_NO;
	case 0x63: /* search: base object, scope */
		return fi_at(w, body) == 4 ? FI_HIT(fi_at(w, body + 1) < 0x80 ? FI_STRONG : FI_FAIR, FI_CLIENT, 2, op) : FI_NO;
	case 0x61: /* responses begin with an enumerated result code */
	case 0x65:
	case 0x67:
	case 0x69:
	case 0x6b:
	case 0x6d:
	case 0x6f:
	case 0x78:
		return fi_at(w, body) == 10 && fi_at(w, body + 1) == 1 ? FI_HIT(FI_STRONG, FI_SERVER, 3, op) : FI_NO;
	case 0x64: /* search result entry: a name */
	case 0x73:
		return fi_at(w, body) == 4 ? FI_HIT(FI_FAIR, FI_SERVER, 3, op) : FI_NO;
	case 0x66: /* modify, add, modify DN, compare: a name first */
	case 0x68:
	case 0x6c:
	case 0x6e:
		return fi_at(w, body) == 4 ? FI_HIT(FI_FAIR, FI_CLIENT, 4, op) : FI_NO;
	case 0x4a:
		return FI_HIT(FI_WEAK, FI_CLIENT, 4, op);
	case 0x77: /* extended: an OID in ASCII */
		return fi_at(w, body) == 0x80 && fi_digit(fi_at(w, body + 2)) ? FI_HIT(FI_STRONG, FI_CLIENT, 4, op) : FI_NO;
	}
	return FI_NO;
}
