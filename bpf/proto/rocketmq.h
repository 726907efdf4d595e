/* SPDX-License-Identifier: Apache-2.0 */
/* Apache RocketMQ remoting: length, one byte of serialization (0 JSON, 1 binary) and 24 bits of header length, header, body. */
FI_PROTO(rocketmq, 34, 42, FI_TCP, "Apache RocketMQ", FI_PORTS(9876, 10911, 10909), FI_THEN());

/* FI_SIGNATURES 1 "JSON header" 2 "binary header" */
FI_SIG(rocketmq)
{
	FI_CHECK(w);
	__u32 total = fi_be32(w, 0), coding = fi_at(w, 4), head = fi_be24(w, 5);

	if (w->len < 5)
		return fi_at(w, 0) > 1 ? FI_NO : FI_MORE;
	if (fi_at(w, 0) > 1 || coding > 1) /* messages are 4 MiB at most; 16 MiB is the limit of frames */
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (head < 21 || head + 4 > total)
		return FI_NO;
	if (coding == 0) {
		/* the first member by name, as the libraries of the clients sort them */
		enum fi_fit code = fi_fit(w, 8, "{\"code\":"), flag = fi_fit(w, 8, "{\"flag\":"), fields = fi_fit(w, 8, "{\"extFields\":"),
			    language = fi_fit(w, 8, "{\"language\":"), opaque = fi_fit(w, 8, "{\"opaque\":");

		if (code == FI_FIT_YES || flag == FI_FIT_YES || fields == FI_FIT_YES || language == FI_FIT_YES || opaque == FI_FIT_YES)
			return FI_HIT(FI_STRONG, FI_EITHER, 1, 8);
		return code == FI_FIT_MORE || flag == FI_FIT_MORE || fields == FI_FIT_MORE || language == FI_FIT_MORE || opaque == FI_FIT_MORE ? FI_MORE : FI_NO;
	}
	/* code, language, version, number, flags, remark, fields: the two lengths fill the header */
	if (w->len < 29)
		return FI_MORE;
	__u32 language = fi_at(w, 10), flags = fi_be32(w, 17), remark = fi_be32(w, 21), fields;

	if (language > 16 || flags > 3 || remark > head)
		return FI_NO;
	if (remark > FI_WINDOW - 32)
		return FI_NO;
	if (!fi_in(w, 25 + remark, 4))
		return FI_MORE;
	fields = fi_be32(w, 25 + remark);
	return 21 + remark + fields == head ? FI_HIT(FI_STRONG, flags & 1 ? FI_SERVER : FI_CLIENT, 2, 8) : FI_NO;
}
