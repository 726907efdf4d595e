/* SPDX-License-Identifier: Apache-2.0 */
/* DHCPv4 and BOOTP, RFC 2131, 951: the magic cookie at 236. */
FI_PROTO(dhcp, 62, 20, FI_UDP, "Dynamic Host Configuration Protocol", FI_PORTS(67, 68), FI_THEN());

/* FI_SIGNATURES 1 "magic cookie" 2 "BOOTP" */
FI_SIG(dhcp)
{
	FI_CHECK(w);
	__u32 op = fi_at(w, 0);

	if (!w->whole || w->total < 240 || (op != 1 && op != 2) || fi_at(w, 1) > 40 || fi_at(w, 2) > 16)
		return FI_NO;
	if (fi_be32(w, 236) == 0x63825363)
		return FI_HIT(FI_STRONG, op == 1 ? FI_CLIENT : FI_SERVER, 1, 236);
	return fi_port(w, 67) && fi_at(w, 1) == 1 && fi_at(w, 2) == 6 && w->total >= 300 ? FI_HIT(FI_FAIR, op == 1 ? FI_CLIENT : FI_SERVER, 2, 0) : FI_NO;
}
