/* SPDX-License-Identifier: Apache-2.0 */
/* sFlow 2 and 4 (RFC 3176) and 5: version, the agent's address, counters, the number of samples, the first one's kind. */
FI_PROTO(sflow, 93, 50, FI_UDP, "sFlow", FI_PORTS(6343), FI_THEN());

#define FI_SFLOW_SAMPLES 128

/* FI_SIGNATURES 1 "version 5" 2 "version 2 or 4" */
FI_SIG(sflow)
{
	FI_CHECK(w);
	__u32 version = fi_be32(w, 0), kind = fi_be32(w, 4), at = kind == 2 ? 24 : 12, n, format, len;

	if (!w->whole || (kind != 1 && kind != 2) || w->total < 40)
		return FI_NO;
	if (version == 2 || version == 4) { /* sequence, uptime, samples; then kind of the first */
		n = fi_be32(w, at + 8);
		format = fi_be32(w, at + 12);
		return n >= 1 && n <= FI_SFLOW_SAMPLES && format >= 1 && format <= 2 ? FI_HIT(FI_FAIR, FI_CLIENT, 2, 0) : FI_NO;
	}
	if (version != 5)
		return FI_NO;
	n = fi_be32(w, at + 12); /* behind the sub-agent, sequence and uptime */
	format = fi_be32(w, at + 16);
	len = fi_be32(w, at + 20);
	if (!n || n > FI_SFLOW_SAMPLES || !(format & 0xfff) || (format & 0xfff) > 5 || len & 3 || len < 8 || at + 24 + len > w->total)
		return FI_NO;
	return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
}
