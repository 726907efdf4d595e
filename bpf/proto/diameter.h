/* SPDX-License-Identifier: Apache-2.0 */
/* Diameter, RFC 6733: version, length, flags, command, application, two ids; then attributes, the first of which says who or what
 * session. */
FI_PROTO(diameter, 194, 45, FI_TCP, "Diameter", FI_PORTS(3868, 5868), FI_THEN());

/* FI_SIGNATURES 1 "request" 2 "answer" */
FI_SIG(diameter)
{
	FI_CHECK(w);
	__u32 len = fi_be24(w, 1), flags = fi_at(w, 4), code = fi_be32(w, 20), inner = fi_be24(w, 25);

	if ((w->len && fi_at(w, 0) != 1) || (w->len > 1 && fi_at(w, 1)))
		return FI_NO;
	if (w->len < 28)
		return (w->len >= 4 && (len < 28 || len & 3)) || (w->len > 4 && flags & 15) ? FI_NO : FI_MORE;
	/* a request is no error, an answer is not sent again; both in whole words */
	if (len < 28 || len & 3 || flags & 15 || (flags & 0xa0) == 0xa0 || (flags & 0x90) == 0x10 || !fi_be24(w, 5))
		return FI_NO;
	/* Session-Id, Origin-Host, Result-Code; mandatory, of no vendor, within the message */
	if (!(fi_equal(code, 263) | fi_equal(code, 264) | fi_equal(code, 268)) || (fi_at(w, 24) & 0x9f) || !(fi_at(w, 24) & 0x40) || inner < 9 ||
	    inner + 20 > len)
		return FI_NO;
	if (code == 268 && (inner != 12 || flags & 0x80))
		return FI_NO;
	return FI_HIT(FI_STRONG, flags & 0x80 ? FI_CLIENT : FI_SERVER, flags & 0x80 ? 1 : 2, 0);
}
