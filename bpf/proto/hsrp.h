/* SPDX-License-Identifier: Apache-2.0 */
/* HSRP version 1, RFC 2281 §5.1: twenty bytes. Version 2: items of a type and a length, the group's state first. */
FI_PROTO(hsrp, 133, 60, FI_UDP, "Hot Standby Router Protocol", FI_PORTS(1985), FI_THEN());

/* FI_SIGNATURES 1 "version 1" 2 "version 2" */
FI_SIG(hsrp)
{
	FI_CHECK(w);
	__u32 state = fi_at(w, 2);

	if (!w->whole)
		return FI_NO;
	if (fi_be16(w, 0) == 0x0128) { /* version 2, hello/coup/resign, state, IPv4 or IPv6; another item behind */
		__u32 ip = fi_at(w, 5), rest = w->total - 42;

		if (w->total < 42 || state != 2 || fi_at(w, 3) > 2 || fi_at(w, 4) > 6 || (ip != 4 && ip != 6))
			return FI_NO;
		return rest == 0 || fi_at(w, 43) + 2u <= rest ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_NO;
	}
	/* version 0 on the wire; states are single bits; hold time above hello time; a reserved byte */
	if (fi_at(w, 0) || fi_at(w, 1) > 2 || (state & (state - 1)) || state > 16 || fi_at(w, 4) <= fi_at(w, 3) || fi_at(w, 7))
		return FI_NO;
	if (w->total != 20 && (w->total < 22 || fi_at(w, 21) + 22u != w->total))
		return FI_NO;
	if (fi_is(w, 8, "cisco\0\0\0")) /* what is there when no password is set */
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	return FI_HIT(fi_port(w, 1985) ? FI_FAIR : FI_WEAK, FI_EITHER, 1, 0);
}
