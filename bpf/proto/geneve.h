/* SPDX-License-Identifier: Apache-2.0 */
/* GENEVE, RFC 8926 §3.4: eight bytes, options, then what the protocol type says. Where that holds IP, the flows inside are
 * followed and the carrier is not seen as a flow; what remains is a carrier of ARP, of ICMP, or on a port of its own. */
FI_PROTO(geneve, 160, 60, FI_UDP, "Generic Network Virtualization Encapsulation", FI_PORTS(6081), FI_THEN());

/* FI_SIGNATURES 1 "frame of a known EtherType" 2 "IP packet of exact length" */
FI_SIG(geneve)
{
	FI_CHECK(w);
	__u32 at = 8 + (fi_at(w, 0) & 0x3f) * 4, type = fi_be16(w, 2), option;

	/* version 0, no reserved bits; the flags say control packet and critical options */
	if (!w->whole || !fi_in(w, 0, 8) || fi_at(w, 0) >> 6 || fi_at(w, 1) & 0x3f || fi_at(w, 7) || at >= w->total)
		return FI_NO;
	option = at > 8 ? 4 + (fi_at(w, 11) & 0x1f) * 4 : 0;
	if (option && (fi_at(w, 11) >> 5 || 8 + option > at))
		return FI_NO;
	if (type == 0x6558) { /* a frame */
		at += 12;
		type = fi_be16(w, at);
		at += 2;
		if (type == 0x8100) { /* a tag inside */
			type = fi_be16(w, at + 2);
			at += 4;
		}
	} else if (type != 0x0800 && type != 0x86dd) {
		return FI_NO;
	}
	if (type == 0x0800 && fi_in(w, at, 20) && fi_at(w, at) == 0x45 && at + fi_be16(w, at + 2) == w->total)
		return FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
	if (type == 0x86dd && fi_in(w, at, 40) && fi_at(w, at) >> 4 == 6 && at + 40 + fi_be16(w, at + 4) == w->total)
		return FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
	/* ARP over Ethernet and IPv4, RFC 826 */
	if (type == 0x0806 && fi_be32(w, at) == 0x00010800 && fi_be16(w, at + 4) == 0x0604)
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	if (!fi_port(w, 6081) || !fi_in(w, at, 1))
		return FI_NO;
	return fi_equal(type, 0x0800) | fi_equal(type, 0x86dd) | fi_equal(type, 0x88cc) | fi_equal(type, 0x8847) | fi_equal(type, 0x88a8) ?
		       FI_HIT(FI_FAIR, FI_EITHER, 1, 0) :
		       FI_NO;
}
