/* SPDX-License-Identifier: Apache-2.0 */
/* Elasticsearch and OpenSearch transport (port 9300, between nodes): "ES", length, request id, status, version of the node. */
FI_PROTO(elasticsearch, 192, 20, FI_TCP, "Elasticsearch transport", FI_PORTS(9300), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" 3 "ping" */
FI_SIG(elasticsearch)
{
	FI_CHECK(w);
	enum fi_fit magic = fi_fit(w, 0, "ES");
	__u32 len = fi_be32(w, 2), status = fi_at(w, 14), version = fi_be32(w, 15);

	if (magic != FI_FIT_YES)
		return magic == FI_FIT_MORE ? FI_MORE : FI_NO;
	if (w->len < 6)
		return FI_MORE;
	if (len == 0xffffffff)
		return FI_HIT(FI_STRONG, FI_EITHER, 3, 0);
	if (len < 13 || len > 1u << 30)
		return FI_NO;
	if (w->len < 19)
		return FI_MORE;
	/* ids count from 0; 1.0.0 is 1000099, OpenSearch sets bit 27 */
	if (fi_be32(w, 6) || status > 15 || !fi_range(version & ~(1u << 27), 1000000, 99999999))
		return FI_NO;
	return FI_HIT(FI_STRONG, status & 1 ? FI_SERVER : FI_CLIENT, status & 1 ? 2 : 1, 0);
}
