/* SPDX-License-Identifier: Apache-2.0 */
/* AMQP 0-9-1 (and 0-9, 0-10) and 1.0: "AMQP" and a version; mid-stream 0-9-1 frames end with 0xCE. */
FI_PROTO(amqp, 28, 10, FI_TCP, "Advanced Message Queuing Protocol", FI_PORTS(5672), FI_THEN(tls));

/* FI_SIGNATURES 1 "protocol header" 2 "Connection.Start" 3 "frame" 4 "1.0 frame" */
FI_SIG(amqp)
{
	FI_CHECK(w);
	enum fi_fit fit = fi_fit(w, 0, "AMQP");

	if (fit == FI_FIT_YES) {
		if (w->len < 8)
			return FI_MORE;
		return fi_at(w, 4) <= 3 && fi_at(w, 5) <= 1 && fi_at(w, 6) <= 10 ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	if (fit == FI_FIT_MORE && w->len)
		return FI_MORE;
	__u32 type = fi_at(w, 0), size = fi_be32(w, 3);

	if (!(fi_range(type, 1, 3) | fi_equal(type, 8)))
		return FI_NO;
	if (w->len < 12)
		return (w->len > 1 && fi_at(w, 1)) || (w->len > 3 && fi_at(w, 3)) ? FI_NO : FI_MORE;
	if (fi_at(w, 1) || size > 1u << 20)
		return FI_NO;
	if (type == 1 && fi_be16(w, 1) == 0 && fi_be32(w, 7) == 0x000a000a)
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 7);
	if (size + 8 > FI_WINDOW) /* the end mark is out of sight */
		return FI_NO;
	if (w->len < size + 8)
		return FI_MORE;
	if (fi_at(w, size + 7) != 0xce)
		return FI_NO;
	if (type == 8)
		return size == 0 ? FI_HIT(FI_FAIR, FI_EITHER, 3, 0) : FI_NO;
	if (type == 1)
		return fi_range(fi_be16(w, 7) / 10, 1, 11) && fi_be16(w, 9) >= 10 && fi_be16(w, 9) <= 120 ? FI_HIT(FI_STRONG, FI_EITHER, 3, 7) : FI_NO;
	return FI_HIT(FI_FAIR, FI_EITHER, 3, size + 7);
}
