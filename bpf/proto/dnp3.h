/* SPDX-License-Identifier: Apache-2.0 */
/* DNP3, IEEE 1815: start bytes 05 64, length, control, two addresses. */
FI_PROTO(dnp3, 87, 40, FI_TCP | FI_UDP, "Distributed Network Protocol 3", FI_PORTS(20000), FI_THEN());

/* FI_SIGNATURES 1 "data link header" */
FI_SIG(dnp3)
{
	FI_CHECK(w);
	if (fi_at(w, 0) != 5 || (w->len > 1 && fi_at(w, 1) != 0x64))
		return FI_NO;
	if (w->len < 10)
		return w->whole ? FI_NO : FI_MORE;
	__u32 control = fi_at(w, 3), code = control & 15;

	if (fi_at(w, 2) < 5)
		return FI_NO;
	/* primary: 0, 1, 2, 3, 4, 9; secondary: 0, 1, 11, 14, 15 */
	if (control & 0x40 ? !(fi_range(code, 0, 4) | fi_equal(code, 9)) : !(fi_range(code, 0, 1) | fi_equal(code, 11) | fi_range(code, 14, 15)))
		return FI_NO;
	/* the header's checksum: polynomial 0x3D65, reflected, complemented */
	__u32 crc = 0;

#pragma unroll
	for (__u32 i = 0; i < 8; i++) {
		crc ^= fi_at(w, i);
#pragma unroll
		for (__u32 bit = 0; bit < 8; bit++) {
			__u64 odd = crc & 1; /* times, not a mask: the verifier walks both values of a mask of all or no bits */

			FI_OPAQUE(odd);
			crc = crc >> 1 ^ 0xa6bc * odd;
		}
	}
	if ((~crc & 0xffff) != fi_le16(w, 8))
		return FI_NO;
	return FI_HIT(FI_STRONG, control & 0x80 ? FI_CLIENT : FI_SERVER, 1, 0);
}
