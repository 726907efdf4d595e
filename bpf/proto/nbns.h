/* SPDX-License-Identifier: Apache-2.0 */
/* NetBIOS Name Service, RFC 1002 §4.2: a DNS header with operations of its own, then a name of 32 letters A..P (two
 * for each of 16 bytes) with type NB or NBSTAT. The name alone tells it from DNS. */
#include "dnswire.h"

FI_PROTO(nbns, 59, 53, FI_UDP, "NetBIOS Name Service", FI_PORTS(137), FI_THEN());

/* Header and name as they must be. */
fi_inline __u32 fi_nbns_strict(const struct fi_win *w)
{
	__u32 op = fi_be16(w, 2) >> 11 & 15, qd = fi_be16(w, 4), an = fi_be16(w, 6), name, p;

	/* query, registration, release, wait, refresh (two numbers are in use), multihomed registration */
	if (!(fi_equal(op, 0) | fi_range(op, 5, 9) | fi_equal(op, 15)) || qd > 1 || an > 1 || qd + an == 0)
		return 0;
	if (!fi_netbios_name(w, FI_DNS_HEADER))
		return 0;
	name = fi_dns_name(w, FI_DNS_HEADER); /* a scope may follow */
	p = name & 0xffff;
	if (name & (FI_DNS_BAD | FI_DNS_CUT | FI_DNS_POINTER))
		return 0;
	/* NB, NBSTAT, and NULL of a negative response */
	return (fi_range(fi_be16(w, p), 0x20, 0x21) | fi_equal(fi_be16(w, p), 0x0a)) & fi_equal(fi_be16(w, p + 2), 1);
}

/* FI_SIGNATURES 1 "request" 2 "response" 3 "malformed message on the usual port" */
FI_SIG(nbns)
{
	FI_CHECK(w);
	__u32 who = fi_be16(w, 2) & 0x8000 ? FI_SERVER : FI_CLIENT;

	if (w->total < 50 || !fi_in(w, 0, 50))
		return FI_NO;
	if (fi_nbns_strict(w))
		return FI_HIT(FI_STRONG, who, who == FI_SERVER ? 2 : 1, FI_DNS_HEADER);
	/* A spoilt byte does not hide the form: length of the label, its end, type and class. */
	if (fi_port(w, 137) && (fi_netbios_name(w, FI_DNS_HEADER) || (fi_at(w, 12) == 32 && fi_at(w, 45) == 0)) &&
	    (fi_range(fi_be16(w, 46), 0x20, 0x21) || fi_be16(w, 48) == 1))
		return FI_HIT(FI_FAIR, who, 3, FI_DNS_HEADER);
	return FI_NO;
}
