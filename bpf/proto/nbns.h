/* SPDX-License-Identifier: Apache-2.0 */
/* NetBIOS Name Service, RFC 1002 §4.2: a DNS header with operations of its own, then a name of 32 letters A..P (two
 * for each of 16 bytes) with type NB or NBSTAT. The name alone tells it from DNS. */
#include "dnswire.h"

FI_PROTO(nbns, 59, 53, FI_UDP, "NetBIOS Name Service", FI_PORTS(137), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" */
FI_SIG(nbns)
{
	FI_CHECK(w);
	__u32 flags = fi_be16(w, 2), op = flags >> 11 & 15, qd = fi_be16(w, 4), an = fi_be16(w, 6), name, p;

	if (w->total < 50 || !fi_in(w, 0, 50))
		return FI_NO;
	/* query, registration, release, wait, refresh (two numbers are in use), multihomed registration */
	if (!(fi_equal(op, 0) | fi_range(op, 5, 9) | fi_equal(op, 15)) || qd > 1 || an > 1 || qd + an == 0)
		return FI_NO;
	if (!fi_netbios_name(w, FI_DNS_HEADER))
		return FI_NO;
	name = fi_dns_name(w, FI_DNS_HEADER); /* a scope may follow */
	p = name & 0xffff;
	if (name & (FI_DNS_BAD | FI_DNS_CUT | FI_DNS_POINTER))
		return FI_NO;
	/* NB, NBSTAT, and NULL of a negative response */
	if (!(fi_range(fi_be16(w, p), 0x20, 0x21) | fi_equal(fi_be16(w, p), 0x0a)) || fi_be16(w, p + 2) != 1)
		return FI_NO;
	return flags & 0x8000 ? FI_HIT(FI_STRONG, FI_SERVER, 2, FI_DNS_HEADER) : FI_HIT(FI_STRONG, FI_CLIENT, 1, FI_DNS_HEADER);
}
