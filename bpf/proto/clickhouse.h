/* SPDX-License-Identifier: Apache-2.0 */
/* ClickHouse native protocol: both ends begin with a hello: 0, a name, version and revision of the protocol. All numbers are base-128
 * with the low digits first; the revision has been between 54,000 and 55,000 for ten years, three digits the last of which is 3. */
FI_PROTO(clickhouse, 202, 44, FI_TCP, "ClickHouse", FI_PORTS(9000), FI_THEN());

/* FI_SIGNATURES 1 "hello of a client" 2 "hello of a server" */
FI_SIG(clickhouse)
{
	FI_CHECK(w);
	__u32 n = fi_at(w, 1), bad = 0, at = 2 + n;

	if (!w->start || (w->len && fi_at(w, 0)))
		return FI_NO;
	if (w->len < 2)
		return FI_MORE;
	if (n < 3 || n > 64)
		return FI_NO;
	for (__u32 i = 0; i < 64; i++)
		bad |= (fi_print(fi_at(w, 2 + i)) ^ 1) & fi_below(i, n) & (__u32)fi_in(w, 2 + i, 1);
	if (bad)
		return FI_NO;
	if (!fi_in(w, at, 6))
		return FI_MORE;
	/* 1.1 to 99.99, revision, length of the next text */
	if (fi_at(w, at) > 99 || fi_at(w, at + 1) > 99 || !(fi_at(w, at + 2) & 0x80) || !(fi_at(w, at + 3) & 0x80) || fi_at(w, at + 4) != 3 ||
	    fi_at(w, at + 5) > 63)
		return FI_NO;
	__u32 revision = (fi_at(w, at + 2) & 127) | (__u32)(fi_at(w, at + 3) & 127) << 7 | 3u << 14;

	if (!fi_range(revision, 54000, 55000))
		return FI_NO;
	return FI_HIT(FI_STRONG, n == 10 && fi_is(w, 2, "ClickHouse") ? FI_SERVER : FI_CLIENT, n == 10 && fi_is(w, 2, "ClickHouse") ? 2 : 1, 0);
}
