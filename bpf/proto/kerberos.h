/* SPDX-License-Identifier: Apache-2.0 */
/* Kerberos 5, RFC 4120: application tags 10–17, 25, 30; over TCP behind four bytes of length. */
#include "../ber.h"

FI_PROTO(kerberos, 67, 46, FI_TCP | FI_UDP, "Kerberos", FI_PORTS(88, 464), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "reply" 3 "error" */
FI_SIG(kerberos)
{
	FI_CHECK(w);
	__u32 base = w->l4 == FI_TCP ? 4 : 0, total = fi_be32(w, 0);

	if (base && (fi_at(w, 0) || (w->len >= 4 && (total < 16 || total > 1u << 20))))
		return FI_NO;
	if (w->len < base + 16)
		return w->whole ? FI_NO : FI_MORE;
	__u32 tag = fi_at(w, base), head = fi_ber_head(w, base), len = fi_ber_len(w, base), seq = base + head;

	if (!(fi_range(tag, 0x6a, 0x71) | fi_equal(tag, 0x7e)) || !head)
		return FI_NO;
	if (base ? head + len != total : head + len != w->total)
		return FI_NO;
	if (fi_at(w, seq) != 0x30)
		return FI_NO;
	seq += fi_ber_head(w, seq);
	/* [0] or [1] INTEGER 5: the version */
	if (!fi_range(fi_at(w, seq), 0xa0, 0xa1) || fi_at(w, seq + 1) != 3 || fi_at(w, seq + 2) != 2 || fi_at(w, seq + 3) != 1 || fi_at(w, seq + 4) != 5)
		return FI_NO;
	return tag == 0x7e	     ? FI_HIT(FI_STRONG, FI_SERVER, 3, base) :
	       tag == 0x6a || tag == 0x6c ? FI_HIT(FI_STRONG, FI_CLIENT, 1, base) :
				       FI_HIT(FI_STRONG, FI_SERVER, 2, base);
}
