/* SPDX-License-Identifier: Apache-2.0 */
/* SOFARPC's Bolt, version 1 and 2: protocol, kind, command, id, serialization, lengths; then the name of the class that is carried. */
FI_PROTO(sofarpc, 205, 42, FI_TCP, "SOFARPC Bolt", FI_PORTS(12200), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" */
FI_SIG(sofarpc)
{
	FI_CHECK(w);
	__u32 version = fi_at(w, 0), shift = version == 2, kind = fi_at(w, 1 + shift), reply = kind == 0, at = 9 + shift, n, bad = 0;

	if (w->len < 1)
		return FI_MORE;
	if (!fi_range(version, 1, 2) || kind > 2 || (fi_in(w, 2 + shift, 2) && fi_be16(w, 2 + shift) != (reply ? 2 : 1)) ||
	    (fi_in(w, 4 + shift, 1) && fi_at(w, 4 + shift) != 1))
		return FI_NO;
	/* Hessian, Hessian 2, Protobuf, JSON */
	if (fi_in(w, at, 1) && !(fi_range(fi_at(w, at), 0, 2) | fi_range(fi_at(w, at), 11, 12)))
		return FI_NO;
	at += 1 + (version == 2) + (reply ? 2 : 4);
	if (!fi_in(w, at, 16))
		return FI_MORE;
	n = fi_be16(w, at);
	if (n < 8 || n > 200 || fi_be16(w, at + 2) > 8192 || fi_at(w, at + 4))
		return FI_NO;
	for (__u32 i = 0; i < 8; i++) {
		__u32 c = fi_at(w, at + 8 + i);

		bad |= (fi_alpha(c) | fi_digit(c) | fi_equal(c, '.') | fi_equal(c, '_') | fi_equal(c, '$')) ^ 1;
	}
	return bad ? FI_NO : FI_HIT(FI_STRONG, reply ? FI_SERVER : FI_CLIENT, reply ? 2 : 1, 0);
}
