/* SPDX-License-Identifier: Apache-2.0 */
/* OpenWire of ActiveMQ: both ends begin with WireFormatInfo: length, type 1, "ActiveMQ", version. */
FI_PROTO(openwire, 32, 20, FI_TCP, "OpenWire", FI_PORTS(61616), FI_THEN());

/* FI_SIGNATURES 1 "WireFormatInfo" */
FI_SIG(openwire)
{
	FI_CHECK(w);
	__u32 at = fi_at(w, 0) == 1 ? 0 : 4, version; /* the length can be switched off */
	enum fi_fit fit;

	if (at && (fi_be16(w, 0) || (w->len >= 4 && fi_be16(w, 2) < 14)))
		return FI_NO;
	fit = fi_fit(w, at, "\1ActiveMQ");
	if (fit != FI_FIT_YES)
		return (fi_answer)fit;
	if (w->len < at + 13)
		return FI_MORE;
	version = fi_be32(w, at + 9);
	return version && version < 64 ? FI_HIT(FI_STRONG, FI_EITHER, 1, at + 1) : FI_NO;
}
