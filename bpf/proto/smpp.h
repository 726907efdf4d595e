/* SPDX-License-Identifier: Apache-2.0 */
/* SMPP 3.3 to 5.0: length, command, status, sequence number. Lengths and small numbers are shared with many: binding tells it surely, by
 * the texts that it has; the rest needs both ends or the usual port. */
FI_PROTO(smpp, 195, 56, FI_TCP, "SMPP", FI_PORTS(2775, 3550), FI_THEN());

/* FI_SIGNATURES 1 "bind" 2 "request" 3 "response" 4 "link enquiry" */
FI_SIG(smpp)
{
	FI_CHECK(w);
	__u32 len = fi_be32(w, 0), command = fi_be32(w, 4), status = fi_be32(w, 8), id = command & 0x7fffffff, reply = command >> 31;
	__u32 bind = fi_equal(id, 1) | fi_equal(id, 2) | fi_equal(id, 9), end = 0, bad = 0;

	if (w->len < 16)
		return (w->len >= 2 && fi_be16(w, 0)) || (w->len >= 8 && ((command & 0x7fff0000) || len < 16)) ? FI_NO : FI_MORE;
	if (len < 16 || len > 65536 || !(fi_range(id, 0, 9) | fi_equal(id, 11) | fi_equal(id, 21) | fi_equal(id, 33) | fi_equal(id, 258) | fi_equal(id, 259)))
		return FI_NO;
	if ((id == 0 && !reply) || (!reply && status) || status > 0xffff || !fi_range(fi_be32(w, 12), 1, 0x7fffffff))
		return FI_NO;
	enum fi_fit fit = fi_span(w, len);

	if (fit != FI_FIT_YES)
		return fit == FI_FIT_MORE ? FI_MORE : FI_NO;
	/* what follows is a message as well */
	if (fi_in(w, len, 8) && (fi_be32(w, len) < 16 || fi_be32(w, len) > 65536 || (fi_be32(w, len + 4) & 0x7fffff00 && (fi_be32(w, len + 4) & 0x7ffffffe) != 258)))
		return FI_NO;
	if (id == 21)
		return len == 16 && !status ? FI_HIT(FI_FAIR, FI_EITHER, 4, 0) : FI_NO;
	/* the system's name, up to 15 letters and a zero; the service's type, up to 5 */
	for (__u32 i = 16; i < 32; i++) {
		__u32 in = fi_below(i, len) & fi_below(end, 1);

		bad |= in & (fi_print(fi_at(w, i)) ^ 1) & (fi_equal(fi_at(w, i), 0) ^ 1);
		end |= in & fi_equal(fi_at(w, i), 0) ? i : 0;
	}
	if (bad)
		return FI_NO;
	if (bind && !reply) {
		if (!end || end == 16 || len < end + 8)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	}
	if (reply)
		return bind && len > 16 && !end ? FI_NO : FI_HIT(fi_port(w, 2775) ? FI_FAIR : FI_WEAK, FI_SERVER, 3, 0);
	if ((id == 4 || id == 5) && (!end || end > 21 || fi_at(w, end + 1) > 6 || fi_at(w, end + 2) > 18 || len < 33))
		return FI_NO;
	return FI_HIT(id == 4 || id == 5 || fi_port(w, 2775) ? FI_FAIR : FI_WEAK, id == 5 ? FI_SERVER : id == 4 ? FI_CLIENT : FI_EITHER, 2, 0);
}
