/* SPDX-License-Identifier: Apache-2.0 */
/* RTPS, the wire protocol of DDS (OMG DDSI-RTPS §9.4): "RTPS", version, vendor, prefix, submessages. */
FI_PROTO(rtps, 186, 12, FI_UDP, "Real-Time Publish-Subscribe (DDS)", FI_PORTS(7400, 7410), FI_THEN());

/* FI_SIGNATURES 1 "header" */
FI_SIG(rtps)
{
	FI_CHECK(w);
	if (!w->whole || w->total < 16 || !fi_is(w, 0, "RTPS") || !fi_range(fi_at(w, 4), 1, 2) || fi_at(w, 5) > 15)
		return FI_NO;
	return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
}
