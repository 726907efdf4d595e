/* SPDX-License-Identifier: Apache-2.0 */
/* NetBIOS Datagram Service, RFC 1002 §4.4: type, flags, id, sender's address and port; then, depending on the type,
 * encoded names of 32 letters A..P. The names decide. */
#include "dnswire.h"

FI_PROTO(nbdgm, 60, 50, FI_UDP, "NetBIOS Datagram Service", FI_PORTS(138), FI_THEN());

/* FI_SIGNATURES 1 "datagram" 2 "datagram query" 3 "datagram error" */
FI_SIG(nbdgm)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0);

	if (!fi_range(type, 0x10, 0x16) || fi_at(w, 1) & 0xf0)
		return FI_NO;
	if (type <= 0x12) /* direct, to a group, to all */
		return fi_netbios_name(w, 14) ? FI_HIT(FI_STRONG, FI_EITHER, 1, 14) : FI_NO;
	if (type >= 0x14)
		return fi_netbios_name(w, 10) ? FI_HIT(FI_STRONG, FI_EITHER, 2, 10) : FI_NO;
	return w->total == 11 && fi_range(fi_at(w, 10), 0x82, 0x84) ? FI_HIT(fi_port(w, 138) ? FI_FAIR : FI_WEAK, FI_EITHER, 3, 0) : FI_NO;
}
