/* SPDX-License-Identifier: Apache-2.0 */
/* SOCKS 4, 4a and 5 (RFC 1928). Short and weak from one end; both ends, or a known port, make it. What is
 * carried afterwards is looked at as a layer of its own. */
FI_PROTO(socks, 43, 60, FI_TCP, "SOCKS", FI_PORTS(1080), FI_THEN(any));

/* FI_SIGNATURES 1 "version 5 methods" 2 "version 5 choice" 3 "version 4 request" 4 "version 4 reply" */
FI_SIG(socks)
{
	FI_CHECK(w);
	__u32 version = fi_at(w, 0), n = fi_at(w, 1);

	if (w->len < 2)
		return version == 5 || version == 4 || version == 0 ? FI_MORE : FI_NO;
	if (version == 5) {
		if (w->from != FI_SERVER && n >= 1 && n <= 8) {
			__u32 bad = 0;

			for (__u32 i = 0; i < 8; i++)
				bad |= (fi_range(fi_at(w, 2 + i), 0, 9) ^ 1) & (fi_range(fi_at(w, 2 + i), 0x80, 0xfe) ^ 1) & fi_below(i, n);
			if (bad)
				return FI_NO;
			if (w->len < 2 + n)
				return FI_MORE;
			/* the client waits for the choice: nothing follows, or the request if it is rash */
			if (w->len > 2 + n && fi_at(w, 2 + n) != 5 && fi_at(w, 2 + n) != 1)
				return FI_NO;
			return FI_HIT(fi_port(w, 1080) ? FI_FAIR : FI_WEAK, FI_CLIENT, 1, 0);
		}
		if (w->from != FI_CLIENT && (n <= 2 || n == 0xff))
			return w->len == 2 || (w->len > 2 && (fi_at(w, 2) == 5 || fi_at(w, 2) == 1)) ? FI_HIT(FI_WEAK, FI_SERVER, 2, 0) : FI_NO;
		return FI_NO;
	}
	if (version == 4 && (n == 1 || n == 2)) {
		if (w->len < 9)
			return FI_MORE;
		/* port, address, user id, zero; 4a: the address 0.0.0.x says that a name and a zero follow. Both are text. */
		__u32 named = (__u32)(fi_be32(w, 4) < 256), zeros = 0, bad = 0;

		for (__u32 i = 8; i < 40; i++) {
			__u32 in = (__u32)fi_in(w, i, 1), end = in & fi_equal(fi_at(w, i), 0);

			bad |= in & (end ^ 1) & (fi_print(fi_at(w, i)) ^ 1) & fi_below(zeros, 1 + named);
			zeros += end;
		}
		if (bad || !fi_be16(w, 2) || !fi_be32(w, 4))
			return FI_NO;
		if (!zeros)
			return w->len >= 40 ? FI_NO : FI_MORE;
		return FI_HIT(fi_port(w, 1080) ? FI_FAIR : FI_WEAK, FI_CLIENT, 3, 0);
	}
	if (version == 0 && fi_range(n, 0x5a, 0x5d)) {
		if (w->len < 8)
			return FI_MORE;
		return FI_HIT(FI_WEAK, FI_SERVER, 4, 0);
	}
	return FI_NO;
}
