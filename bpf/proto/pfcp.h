/* SPDX-License-Identifier: Apache-2.0 */
/* PFCP, 3GPP TS 29.244 §7.2: version 1, type, the datagram's length, a session where the type has one; elements that fill
 * it. */
#include "walk.h"

FI_PROTO(pfcp, 184, 60, FI_UDP, "Packet Forwarding Control Protocol", FI_PORTS(8805), FI_THEN());

/* FI_SIGNATURES 1 "node" 2 "session" */
FI_SIG(pfcp)
{
	FI_CHECK(w);
	__u32 flags = fi_at(w, 0), type = fi_at(w, 1), len = fi_be16(w, 2) + 4u, off = flags & 1 ? 16 : 8;
	__u32 session = fi_range(type, 50, 57);
	enum fi_walk walk;

	/* spare bits; sessions have a number, nodes have none */
	if (!w->whole || flags >> 5 != 1 || flags & 0x18 || !(session | fi_range(type, 1, 16)) || session != (flags & 1))
		return FI_NO;
	if (flags & 4 ? len > w->total : len != w->total) /* another message may follow */
		return FI_NO;
	if (len < off || fi_at(w, off - 1) & 15 || (!(flags & 2) && fi_at(w, off - 1)))
		return FI_NO;
	/* requests are odd up to 9 and even from 50 on; reports go the other way */
	if (len == off)
		return FI_HIT(fi_port(w, 8805) ? FI_FAIR : FI_WEAK, FI_EITHER, session ? 2 : 1, 0);
	walk = (enum fi_walk)fi_tlv16(w, off, len, 4);
	if (walk == FI_WALK_BAD)
		return FI_NO;
	return FI_HIT(walk == FI_WALK_EXACT ? FI_STRONG : FI_FAIR, FI_EITHER, session ? 2 : 1, 0);
}
