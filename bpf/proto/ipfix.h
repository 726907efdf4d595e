/* SPDX-License-Identifier: Apache-2.0 */
/* IPFIX, RFC 7011 §3: version 10, the message's length, sets that fill it. */
#include "walk.h"

FI_PROTO(ipfix, 92, 58, FI_TCP | FI_UDP, "IP Flow Information Export", FI_PORTS(4739, 2055), FI_THEN());

/* FI_SIGNATURES 1 "template" 2 "data" */
FI_SIG(ipfix)
{
	FI_CHECK(w);
	__u32 len = fi_be16(w, 2), set = fi_be16(w, 16), number = fi_be16(w, 20), need;
	enum fi_walk walk;

	if (w->len < 24) {
		if (w->whole || (w->len > 0 && fi_at(w, 0)) || (w->len > 1 && fi_at(w, 1) != 10))
			return FI_NO;
		return (w->len > 3 && len < 20) || (w->len > 17 && (set < 2 || (set > 3 && set < 256))) ? FI_NO : FI_MORE;
	}
	if (fi_be16(w, 0) != 10 || len < 24 || set < 2 || (set > 3 && set < 256) || fi_be16(w, 18) < 4)
		return FI_NO;
	if (set < 256 && number < 256) /* of a template */
		return FI_NO;
	if (w->whole && len != w->total)
		return FI_NO;
	need = len < FI_WINDOW ? len : FI_WINDOW;
	if (!w->whole && w->len < need)
		return FI_MORE;
	walk = (enum fi_walk)fi_tlv16(w, 16, len, 0);
	if (walk == FI_WALK_BAD)
		return FI_NO;
	/* what follows in the stream is a message as well */
	if (!w->whole && fi_in(w, len, 2) && fi_be16(w, len) != 10)
		return FI_NO;
	if (set < 256)
		return FI_HIT(walk == FI_WALK_EXACT ? FI_STRONG : FI_FAIR, FI_CLIENT, 1, 0);
	return FI_HIT(walk == FI_WALK_EXACT ? FI_FAIR : FI_WEAK, FI_CLIENT, 2, 0);
}
