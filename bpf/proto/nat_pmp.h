/* SPDX-License-Identifier: Apache-2.0 */
/* NAT-PMP, RFC 6886 §3: version 0, an operation, exact lengths. Two to four fixed bytes only: weak off its port. */
FI_PROTO(nat_pmp, 174, 62, FI_UDP, "NAT Port Mapping Protocol", FI_PORTS(5351, 5350), FI_THEN());

/* FI_SIGNATURES 1 "which address" 2 "map a port" 3 "address" 4 "mapped" */
FI_SIG(nat_pmp)
{
	FI_CHECK(w);
	__u32 op = fi_at(w, 1), grade = fi_port(w, 5351) ? FI_FAIR : FI_WEAK;

	if (!w->whole || fi_at(w, 0))
		return FI_NO;
	if (w->total == 2) /* two zero bytes: never alone */
		return op == 0 ? FI_HIT(FI_WEAK, FI_CLIENT, 1, 0) : FI_NO;
	if (w->total == 12 && op >= 1 && op <= 2 && !fi_be16(w, 2) && fi_be16(w, 4))
		return FI_HIT(grade, FI_CLIENT, 2, 0);
	/* replies: result up to 5, seconds since the start */
	if (fi_be16(w, 2) > 5)
		return FI_NO;
	if (w->total == 12 && op == 128)
		return FI_HIT(grade, FI_SERVER, 3, 0);
	if (w->total == 16 && op >= 129 && op <= 130)
		return FI_HIT(grade, FI_SERVER, 4, 0);
	return FI_NO;
}
