/* SPDX-License-Identifier: Apache-2.0 */
/* BACnet/IP, ASHRAE 135 annex J: 81, function, the datagram's length; then the network header, version 1, and a service
 * or a message of the network layer. */
FI_PROTO(bacnet, 191, 55, FI_UDP, "BACnet/IP", FI_PORTS(47808), FI_THEN());

/* FI_SIGNATURES 1 "network message" 2 "link control" */
FI_SIG(bacnet)
{
	FI_CHECK(w);
	__u32 function = fi_at(w, 1), off = function == 4 ? 10 : 4, control, exact;

	if (!w->whole || fi_at(w, 0) != 0x81 || fi_be16(w, 2) != w->total)
		return FI_NO;
	if (function == 4 || (function >= 9 && function <= 11)) { /* forwarded, to all, to one, broadcast */
		control = fi_at(w, off + 1);
		if (fi_at(w, off) != 1 || control & 0x50)
			return FI_NO;
		off += 2;
		if (control & 0x20) /* network, length of address, address */
			off += 3 + fi_at(w, off + 2);
		if (control & 0x08)
			off += 3 + fi_at(w, off + 2);
		off += control & 0x20 ? 1 : 0; /* hops */
		if (off >= w->total)
			return FI_NO;
		if (control & 0x80 ? fi_range(fi_at(w, off), 0x15, 0x7f) : fi_at(w, off) >> 4 > 7)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	}
	/* result, tables, foreign devices: lengths that are fixed */
	exact = function == 0 || function == 5 ? 6 : function == 2 || function == 6 ? 4 : function == 8 ? 10 : 0;
	return exact && w->total == exact ? FI_HIT(fi_port(w, 47808) ? FI_FAIR : FI_WEAK, FI_EITHER, 2, 0) : FI_NO;
}
