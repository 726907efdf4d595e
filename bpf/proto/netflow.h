/* SPDX-License-Identifier: Apache-2.0 */
/* NetFlow 1, 5 and 7: a count of records that fill the datagram. NetFlow 9, RFC 3954: flow sets that fill it. */
#include "walk.h"

FI_PROTO(netflow, 91, 58, FI_UDP, "NetFlow", FI_PORTS(2055, 9995, 9996), FI_THEN());

/* FI_SIGNATURES 1 "version 1" 2 "version 5" 3 "version 7" 4 "version 9, template" 5 "version 9" */
FI_SIG(netflow)
{
	FI_CHECK(w);
	__u32 version = fi_be16(w, 0), n = fi_be16(w, 2), head = version == 1 ? 16 : 24, size = version == 5 ? 48 : 52, set, packets;

	if (!w->whole || !n || w->total < 24)
		return FI_NO;
	if (version == 9) {
		enum fi_walk walk = (enum fi_walk)fi_tlv16(w, 20, w->total, 0);

		set = fi_be16(w, 20);
		if (walk == FI_WALK_BAD || n > w->total / 4 || (set > 1 && set < 256))
			return FI_NO;
		/* a template: its number, its fields, the first one's size */
		if (set == 0) {
			if (fi_be16(w, 24) < 256 || !fi_be16(w, 26) || fi_be16(w, 26) * 4 + 8 > fi_be16(w, 22) || !fi_be16(w, 30))
				return FI_NO;
			return FI_HIT(walk == FI_WALK_EXACT ? FI_STRONG : FI_FAIR, FI_CLIENT, 4, 0);
		}
		return FI_HIT(walk == FI_WALK_EXACT ? FI_FAIR : FI_WEAK, FI_CLIENT, 5, 0);
	}
	if (version == 1 && head + 48 * n == w->total) /* exporters disagree about the padding of version 1 */
		size = 48;
	if ((version != 1 && version != 5 && version != 7) || n > 30 || head + size * n != w->total)
		return FI_NO;
	/* nanoseconds of the clock; of the first record at least a packet, which is at least a byte */
	packets = fi_be32(w, head + 16);
	if (fi_be32(w, 12) >= 1000000000 || !packets || packets > fi_be32(w, head + 20))
		return FI_NO;
	if (version == 1)
		return FI_HIT(FI_FAIR, FI_CLIENT, 1, 0);
	return FI_HIT(FI_STRONG, FI_CLIENT, version == 5 ? 2 : 3, 0);
}
