/* SPDX-License-Identifier: Apache-2.0 */
/* Multicast DNS, RFC 6762: DNS messages on port 5353 at either end, with the bits that unicast DNS uses (RD, RA,
 * response code) zero. The port is part of the protocol: the bytes alone are DNS. */
#include "dnslabels.h"

FI_PROTO(mdns, 9, 54, FI_UDP, "Multicast DNS", FI_PORTS(5353), FI_THEN());

/* FI_SIGNATURES 1 "query" 2 "response" */
FI_SIG(mdns)
{
	FI_CHECK(w);
	if (!fi_port(w, 5353))
		return FI_NO;
	__u32 flags = fi_be16(w, 2);

	if (flags & 0x01c0)
		return FI_NO;
	__u32 r = fi_dns_message(w, 0, w->total, FI_DNS_MULTICAST);

	if (r == FI_DNS_NO || r == FI_DNS_MORE)
		return r;
	if (r & (FI_DNS_BARE | FI_DNS_NETBIOS))
		return FI_NO;
	return r & FI_DNS_REPLY ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
}

#ifdef FI_HOST
FI_LABELS(mdns)
{
	return fi_dns_labels_of(t, out);
}
#endif
