/* SPDX-License-Identifier: Apache-2.0 */
/* DNS, RFC 1035 and updates: over UDP the message is the datagram, over TCP a length of two bytes stands before each
 * message. The counts in the header alone fit much else (a TLS record of 512 bytes, NetBIOS names): the question is
 * walked, and the message must end where its records do. mDNS and LLMNR are the same bytes by other rules: on their
 * ports, what has their shape is theirs; a DNS server that listens there is still found by the bits they forbid. */
#include "dnslabels.h"

FI_PROTO(dns, 8, 55, FI_TCP | FI_UDP, "Domain Name System", FI_PORTS(53), FI_THEN());

/* FI_SIGNATURES 1 "query" 2 "response" 3 "notify or update" 4 "response without question"
 * 5 "malformed message on the usual port" */
FI_SIG(dns)
{
	FI_CHECK(w);
	__u32 at = w->l4 == FI_TCP ? 2 : 0, n = w->total, grade = FI_STRONG;

	if (at) {
		if (w->len < 2)
			return FI_MORE;
		n = fi_be16(w, 0);
		if (n < FI_DNS_HEADER || fi_port(w, 5355))
			return FI_NO;
	} else {
		__u32 flags = fi_be16(w, 2);

		/* a NetBIOS name in a record; or a spoilt one, on its port */
		if ((flags & 0x8000 && fi_netbios_name(w, FI_DNS_HEADER)) || (fi_port(w, 137) && fi_at(w, FI_DNS_HEADER) == 32))
			return FI_NO;
		if (fi_port(w, 5353) && !(flags & 0x0180)) /* RFC 6762 §18: RD and RA are zero */
			return FI_NO;
		/* RFC 4795 §2.1.1: RA, Z, AD and CD are zero; RD's place is T, for responses only */
		if (fi_port(w, 5355) && !(flags & 0x00f0) && (flags & 0x8100) != 0x0100)
			return FI_NO;
	}
	__u32 r = fi_dns_message(w, at, n, FI_DNS_UNICAST);

	if ((r == FI_DNS_NO || r == FI_DNS_MORE) && !at && fi_port(w, 53) && fi_dns_broken(w)) /* MORE: cut by the capture */
		return FI_HIT(FI_FAIR, fi_be16(w, 2) & 0x8000 ? FI_SERVER : FI_CLIENT, 5, 0);
	if (r == FI_DNS_NO || r == FI_DNS_MORE)
		return r;
	if (r & FI_DNS_NETBIOS)
		return FI_NO;
	if (at && fi_in(w, at + n, 14)) { /* the next message of the stream */
		__u32 next = at + n + 2;

		if (fi_be16(w, at + n) < FI_DNS_HEADER || fi_be16(w, next + 2) & 0x40 || fi_be16(w, next + 4) > 1)
			return FI_NO;
	}
	if (r & FI_DNS_STRANGE)
		grade = FI_FAIR;
	if (r & FI_DNS_BARE)
		return FI_HIT(fi_port(w, 53) ? FI_FAIR : FI_WEAK, FI_SERVER, 4, at);
	if (r & FI_DNS_RECORDS) /* a zone transfer goes on like this */
		return FI_HIT(FI_FAIR, FI_SERVER, 4, at);
	if (r & FI_DNS_OTHER)
		return FI_HIT(grade, r & FI_DNS_REPLY ? FI_SERVER : FI_CLIENT, 3, at);
	return r & FI_DNS_REPLY ? FI_HIT(grade, FI_SERVER, 2, at) : FI_HIT(grade, FI_CLIENT, 1, at);
}

#ifdef FI_HOST
FI_LABELS(dns)
{
	return fi_dns_labels_of(t, out);
}
#endif
