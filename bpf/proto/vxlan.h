/* SPDX-License-Identifier: Apache-2.0 */
/* VXLAN, RFC 7348 §5: eight bytes of header, then an Ethernet frame. Where the frame holds IP, the flows inside are
 * followed and the carrier is not seen as a flow; what remains is a carrier of ARP, of pings, of unknown EtherTypes,
 * or on a port of its own. */
FI_PROTO(vxlan, 95, 60, FI_UDP, "Virtual eXtensible Local Area Network", FI_PORTS(4789, 8472), FI_THEN());

/* FI_SIGNATURES 1 "frame of a known EtherType" 2 "IP packet of exact length" */
FI_SIG(vxlan)
{
	FI_CHECK(w);
	__u32 at = 20, type;

	/* only the I flag, all reserved bits zero, as the RFC says a sender must */
	if (!fi_in(w, 0, 22) || fi_be32(w, 0) != 0x08000000 || fi_at(w, 7) || fi_be32(w, 4) == 0)
		return FI_NO;
	type = fi_be16(w, at);
	if (type == 0x8100) { /* a tag inside */
		at += 4;
		if (!fi_in(w, at, 2))
			return FI_NO;
		type = fi_be16(w, at);
	}
	if (type == 0x0800 && fi_in(w, at + 2, 20) && fi_at(w, at + 2) == 0x45 && at + 2 + fi_be16(w, at + 4) <= w->total)
		return FI_HIT(FI_FAIR, FI_EITHER, 2, 0);
	if (type == 0x86dd && fi_in(w, at + 2, 40) && fi_at(w, at + 2) >> 4 == 6 && at + 42 + fi_be16(w, at + 6) <= w->total)
		return FI_HIT(FI_FAIR, FI_EITHER, 2, 0);
	/* ARP over Ethernet and IPv4, RFC 826: its fixed words are evidence enough */
	if (type == 0x0806 && fi_in(w, at + 2, 8) && fi_be32(w, at + 2) == 0x00010800 && fi_be16(w, at + 6) == 0x0604)
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	if (!fi_port(w, 4789) && !fi_port(w, 8472))
		return FI_NO;
	return fi_equal(type, 0x0806) | fi_equal(type, 0x88cc) | fi_equal(type, 0x8847) | fi_equal(type, 0x0800) | fi_equal(type, 0x86dd) |
			       fi_equal(type, 0x88a8) | fi_equal(type, 0x6558) | fi_below(type, 0x600) ?
		       FI_HIT(FI_FAIR, FI_EITHER, 1, 0) :
		       FI_NO;
}
