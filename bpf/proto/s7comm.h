/* SPDX-License-Identifier: Apache-2.0 */
/* S7 communication in ISO on TCP: TPKT (RFC 1006), a COTP data unit, then 32 and the kind of job. The COTP connection
 * that comes first is shared with others on port 102: what follows decides. */
FI_PROTO(s7comm, 187, 40, FI_TCP, "S7 communication", FI_PORTS(102), FI_THEN());

/* FI_SIGNATURES 1 "job" 2 "acknowledgement" 3 "user data" */
FI_SIG(s7comm)
{
	FI_CHECK(w);
	__u32 off = 0, len = fi_be16(w, 2), kind, head;

	if (fi_at(w, 0) != 3 || fi_at(w, 1))
		return w->len ? FI_NO : FI_MORE;
	if (w->len < 7)
		return (w->len > 2 && fi_at(w, 2) > 16) || (w->len > 5 && fi_at(w, 5) != 0xe0 && fi_at(w, 5) != 0xd0 && fi_at(w, 5) != 0xf0) ? FI_NO : FI_MORE;
	/* a connection, asked for or confirmed, with the parameters of an ISO transport (remote desktop has none of them) */
	if ((fi_at(w, 5) == 0xe0 || fi_at(w, 5) == 0xd0) && len == fi_at(w, 4) + 5u && len >= 14 && len <= 64) {
		if (w->len < 12)
			return FI_MORE;
		if (!fi_range(fi_at(w, 11), 0xc0, 0xc2))
			return FI_NO;
		off = len;
	}
	if (w->len < off + 17) {
		enum fi_fit next = fi_fit(w, off, "\x03\x00");

		return next == FI_FIT_NO || (fi_in(w, off + 4, 3) && fi_be24(w, off + 4) != 0x02f080) || (fi_in(w, off + 7, 1) && fi_at(w, off + 7) != 0x32) ||
				       (fi_in(w, off + 4, 1) && fi_at(w, off + 4) != 2) || (fi_in(w, off + 5, 1) && fi_at(w, off + 5) != 0xf0) ||
				       (fi_in(w, off + 8, 1) && !fi_range(fi_at(w, off + 8), 1, 7)) || (fi_in(w, off + 9, 2) && fi_be16(w, off + 9)) ?
			       FI_NO :
			       FI_MORE;
	}
	if (fi_be16(w, off) != 0x0300 || fi_be24(w, off + 4) != 0x02f080 || fi_at(w, off + 7) != 0x32 || fi_be16(w, off + 9))
		return FI_NO;
	kind = fi_at(w, off + 8);
	head = kind == 2 || kind == 3 ? 12 : 10; /* errors behind the lengths */
	if (!(fi_range(kind, 1, 3) | fi_equal(kind, 7)) || fi_be16(w, off + 2) != 7u + head + fi_be16(w, off + 13) + fi_be16(w, off + 15))
		return FI_NO;
	return FI_HIT(FI_STRONG, kind == 1 ? FI_CLIENT : kind == 7 ? FI_EITHER : FI_SERVER, kind == 7 ? 3 : kind == 1 ? 1 : 2, off);
}
