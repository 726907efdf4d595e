/* SPDX-License-Identifier: Apache-2.0 */
/* bRPC's own protocol (baidu_std): "PRPC", length of what follows, length of its protobuf header, which holds a request or a response. */
FI_PROTO(brpc, 206, 12, FI_TCP, "bRPC", FI_PORTS(), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "response" */
FI_SIG(brpc)
{
	FI_CHECK(w);
	enum fi_fit magic = fi_fit(w, 0, "PRPC");
	__u32 body = fi_be32(w, 4), meta = fi_be32(w, 8), tag = fi_at(w, 12);

	if (magic != FI_FIT_YES)
		return magic == FI_FIT_MORE ? FI_MORE : FI_NO;
	if (w->len < 13)
		return FI_MORE;
	if (meta > body || body > 1u << 30 || !meta)
		return FI_NO;
	return FI_HIT(FI_STRONG, tag == 0x0a ? FI_CLIENT : tag == 0x12 ? FI_SERVER : FI_EITHER, tag == 0x12 ? 2 : 1, 0);
}
