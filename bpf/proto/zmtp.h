/* SPDX-License-Identifier: Apache-2.0 */
/* ZMTP, RFC 13, 15, 23 and 37 of ZeroMQ: both ends begin with ff, eight bytes, 7f, which a peer of version 1 takes for a long
 * message; then version and mechanism. The greeting comes in pieces. */
FI_PROTO(zmtp, 35, 15, FI_TCP, "ZeroMQ Message Transport Protocol", FI_PORTS(5555, 5556), FI_THEN());

/* FI_SIGNATURES 1 "greeting 3.x" 2 "greeting 2.0" 3 "READY" */
FI_SIG(zmtp)
{
	FI_CHECK(w);
	__u32 version = fi_at(w, 10);

	if (fi_at(w, 0) == 0x04 || fi_at(w, 0) == 0x06) { /* command READY with short or long size */
		__u32 at = fi_at(w, 0) == 0x04 ? 2 : 9;
		enum fi_fit fit = fi_fit(w, at, "\5READY");

		if (w->start)
			return FI_NO;
		return fit == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_EITHER, 3, at) : (fi_answer)fit;
	}
	if (w->len && fi_at(w, 0) != 0xff)
		return FI_NO;
	/* the length counts the identity of a version 1 peer */
	if (fi_be32(w, 1) || fi_be16(w, 5) || fi_at(w, 7) > 1)
		return FI_NO;
	if (w->len < 10)
		return FI_MORE;
	if (fi_at(w, 9) != 0x7f)
		return FI_NO;
	if (w->len < 12)
		return FI_MORE;
	if (version == 1) /* socket type, then an identity */
		return fi_at(w, 11) <= 11 ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_NO;
	if (version != 3)
		return FI_NO;
	if (w->len < 16)
		return FI_MORE;
	return fi_at(w, 11) <= 9 && fi_range(fi_at(w, 12), 'A', 'Z') && fi_range(fi_at(w, 13), 'A', 'Z') && fi_range(fi_at(w, 14), 'A', 'Z') ?
		       FI_HIT(FI_STRONG, FI_EITHER, 1, 0) :
		       FI_NO;
}
