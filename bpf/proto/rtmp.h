/* SPDX-License-Identifier: Apache-2.0 */
/* RTMP, Adobe's specification 1.0 §5: one byte of version, then 1536 bytes each way: time, four bytes of zero (or the
 * version of a Flash player or server), random fill. There is little to hold on to: the fill is judged a little too. */
FI_PROTO(rtmp, 53, 45, FI_TCP, "Real-Time Messaging Protocol", FI_PORTS(1935), FI_THEN());

/* FI_SIGNATURES 1 "handshake, version 0" 2 "handshake with a player's version" 3 "connect" */
FI_SIG(rtmp)
{
	FI_CHECK(w);
	__u32 version = fi_be32(w, 5), usual = fi_port(w, 1935), fill = 0, known;

	if (w->len && fi_at(w, 0) != 3)
		return FI_NO;
	if (!w->start) {
		/* chunk of type 0 on stream 3: time, length, type 20, message stream, then the string "connect" */
		enum fi_fit fit = fi_fit(w, 12, "\2\0\7connect");

		if (w->len < 12)
			return FI_MORE;
		if (fi_at(w, 7) != 0x14 || fi_be32(w, 8))
			return FI_NO;
		return fit == FI_FIT_YES ? FI_HIT(FI_STRONG, FI_CLIENT, 3, 12) : (fi_answer)fit;
	}
	if (w->len < 9)
		return FI_MORE;
	/* TPKT and short MySQL packets begin with 03, too, but count in the bytes that are the time here */
	if (version && !(usual && version < 0x90000000))
		return FI_NO;
	if (w->total < FI_WINDOW) /* nothing is sent in between */
		return FI_MORE;
	for (__u32 i = 16; i < 400; i += 24) {
		__u64 v = fi_be64(w, i);

		fill += fi_equal(v >> 32, 0) | fi_equal(v & 0xffffffff, 0);
	}
	known = version == 0 && fill == 0;
	return FI_HIT(known || usual ? FI_FAIR : FI_WEAK, FI_EITHER, version ? 2 : 1, 0);
}
