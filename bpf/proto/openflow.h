/* SPDX-License-Identifier: Apache-2.0 */
/* OpenFlow 1.0 to 1.5: both ends begin with a hello; from 1.3 on with a bitmap of versions. The header alone (version,
 * type, length) is shared by too many, TPKT among them: the middle of a connection is not claimed. */
FI_PROTO(openflow, 183, 60, FI_TCP, "OpenFlow", FI_PORTS(6633, 6653), FI_THEN());

/* FI_SIGNATURES 1 "hello" 2 "hello with versions" */
FI_SIG(openflow)
{
	FI_CHECK(w);
	__u32 version = fi_at(w, 0), len = fi_be16(w, 2);

	if (!w->start || (w->len > 0 && !fi_range(version, 1, 6)) || fi_at(w, 1))
		return FI_NO;
	if (w->len > 2 && fi_at(w, 2))
		return FI_NO;
	if (w->len > 3 && len != 8 && (len < 16 || len > 64 || len & 7))
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (len >= 16) {
		/* element 1: the versions as bits, in words of four bytes */
		if ((w->len > 8 && fi_at(w, 8)) || (w->len > 9 && fi_at(w, 9) != 1) || (w->len > 10 && fi_at(w, 10)) || (w->len > 11 && fi_at(w, 11) != 8))
			return FI_NO;
		return w->len < 12 ? FI_MORE : FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
	}
	/* TPKT of eight bytes: COTP's length is the next one */
	if (version == 3 && fi_at(w, 4) == 3)
		return FI_NO;
	/* what follows has the same version (or a lower one that both know) and a length */
	if (fi_in(w, len, 4) && (!fi_range(fi_at(w, len), 1, 6) || fi_at(w, len + 1) > 35 || fi_be16(w, len + 2) < 8))
		return FI_NO;
	return FI_HIT(fi_port(w, 6633) || fi_port(w, 6653) ? FI_FAIR : FI_WEAK, FI_EITHER, 1, 0);
}
