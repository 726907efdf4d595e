/* SPDX-License-Identifier: Apache-2.0 */
/* IEC 60870-5-104: start byte 68, length, four control bytes; a data unit whose objects fill the length. */
FI_PROTO(iec104, 167, 55, FI_TCP, "IEC 60870-5-104", FI_PORTS(2404), FI_THEN());

/* Bytes of one information object without its address, by type, plus one; 0 = a type that is not used, or is of no fixed
 * size. IEC 60870-5-101 §7.3, IEC 60870-5-104 §8. */
static const __u8 fi_iec104_size[128] = {
	[1] = 2, [3] = 2, [5] = 3, [7] = 6, [9] = 4, [11] = 4, [13] = 6, [15] = 6, [20] = 6, [21] = 3,
	[30] = 9, [31] = 9, [32] = 10, [33] = 13, [34] = 11, [35] = 11, [36] = 13, [37] = 13, [38] = 11, [39] = 12,
	[40] = 12, [45] = 2, [46] = 2, [47] = 2, [48] = 4, [49] = 4, [50] = 6, [51] = 5, [58] = 9, [59] = 9,
	[60] = 9, [61] = 11, [62] = 11, [63] = 13, [64] = 12, [70] = 2, [100] = 2, [101] = 2, [102] = 1, [103] = 8,
	[104] = 3, [105] = 2, [106] = 3, [107] = 10, [110] = 4, [111] = 4, [112] = 6, [113] = 2,
};

/* FI_SIGNATURES 1 "control function" 2 "acknowledgement" 3 "data" */
FI_SIG(iec104)
{
	FI_CHECK(w);
	__u32 len = fi_at(w, 1), a = fi_at(w, 2), type, n, cause, size;

	if (fi_at(w, 0) != 0x68 || (w->len > 1 && (len < 4 || len > 253)))
		return FI_NO;
	if (w->len > 2 && (a & 1) && (len != 4 || ((a & 3) == 1 && a != 1)))
		return FI_NO;
	if (w->len < 6)
		return (w->len > 3 && (a & 1) && fi_at(w, 3)) ? FI_NO : FI_MORE;
	/* another frame, if any, begins with the same byte */
	if (fi_in(w, len + 2, 1) && fi_at(w, len + 2) != 0x68)
		return FI_NO;
	if ((a & 3) == 3) { /* start, stop or test, asked or confirmed: one of six bits */
		if (fi_be24(w, 3) || !(fi_equal(a, 7) | fi_equal(a, 11) | fi_equal(a, 19) | fi_equal(a, 35) | fi_equal(a, 67) | fi_equal(a, 131)))
			return FI_NO;
		return FI_HIT(FI_STRONG, a == 7 || a == 19 ? FI_CLIENT : a == 11 || a == 35 ? FI_SERVER : FI_EITHER, 1, 0);
	}
	if (fi_at(w, 4) & 1)
		return FI_NO;
	if (a & 1)
		return fi_at(w, 3) ? FI_NO : FI_HIT(FI_FAIR, FI_EITHER, 2, 0);
	if (len < 10)
		return FI_NO;
	if (w->len < 12)
		return FI_MORE;
	type = fi_at(w, 6);
	n = fi_at(w, 7);
	cause = fi_at(w, 8) & 0x3f;
	size = fi_iec104_size[type & 127];
	if (!size || type > 127 || !(fi_range(cause, 1, 13) | fi_range(cause, 20, 41) | fi_range(cause, 44, 47)) || !(n & 127))
		return FI_NO;
	/* one address for all objects, or one for each */
	if (len != 10 + (n & 0x80 ? 3 + (n & 127) * (size - 1) : n * (size + 2)))
		return FI_NO;
	return FI_HIT(FI_FAIR, FI_EITHER, 3, 0);
}
