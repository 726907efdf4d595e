/* SPDX-License-Identifier: Apache-2.0 */
/* Link-Local Multicast Name Resolution, RFC 4795: DNS messages on port 5355, UDP or (long answers) TCP, with RA, Z, AD
 * and CD zero and one question. The port is part of the protocol: the bytes alone are DNS. */
#include "dnslabels.h"

FI_PROTO(llmnr, 10, 54, FI_TCP | FI_UDP, "Link-Local Multicast Name Resolution", FI_PORTS(5355), FI_THEN());

/* FI_SIGNATURES 1 "query" 2 "response" 3 "malformed message" */
FI_SIG(llmnr)
{
	FI_CHECK(w);
	__u32 at = w->l4 == FI_TCP ? 2 : 0, n = w->total;

	if (!fi_port(w, 5355))
		return FI_NO;
	if (at) {
		if (w->len < 2)
			return FI_MORE;
		n = fi_be16(w, 0);
	}
	__u32 flags = fi_be16(w, at + 2);

	if (flags & 0x00f0 || (flags & 0x8100) == 0x0100)
		return FI_NO;
	__u32 r = fi_dns_message(w, at, n, FI_DNS_LINKLOCAL);

	if (r == FI_DNS_NO && !at && fi_dns_broken(w))
		return FI_HIT(FI_FAIR, fi_be16(w, 2) & 0x8000 ? FI_SERVER : FI_CLIENT, 3, 0);
	if (r == FI_DNS_NO || r == FI_DNS_MORE)
		return r;
	if (r & (FI_DNS_BARE | FI_DNS_RECORDS | FI_DNS_NETBIOS))
		return FI_NO;
	return r & FI_DNS_REPLY ? FI_HIT(FI_STRONG, FI_SERVER, 2, at) : FI_HIT(FI_STRONG, FI_CLIENT, 1, at);
}

#ifdef FI_HOST
FI_LABELS(llmnr)
{
	return fi_dns_labels_of(t, out);
}
#endif
