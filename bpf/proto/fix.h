/* SPDX-License-Identifier: Apache-2.0 */
/* FIX (Financial Information eXchange) tag=value: BeginString (8), BodyLength (9) and MsgType (35) come first, in this order. */
FI_PROTO(fix, 193, 12, FI_TCP, "FIX", FI_PORTS(), FI_THEN());

/* FI_SIGNATURES 1 "begin string and length" */
FI_SIG(fix)
{
	FI_CHECK(w);
	enum fi_fit plain = fi_fit(w, 0, "8=FIX."), session = fi_fit(w, 0, "8=FIXT.");
	__u32 at = session == FI_FIT_YES ? 7 : 6;

	if (plain != FI_FIT_YES && session != FI_FIT_YES)
		return plain == FI_FIT_MORE || session == FI_FIT_MORE ? FI_MORE : FI_NO;
	if (!fi_in(w, at, 7))
		return FI_MORE;
	if (!fi_digit(fi_at(w, at)) || fi_at(w, at + 1) != '.' || !fi_digit(fi_at(w, at + 2)) || fi_at(w, at + 3) != 1 || fi_at(w, at + 4) != '9' ||
	    fi_at(w, at + 5) != '=' || !fi_digit(fi_at(w, at + 6)))
		return FI_NO;
	return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
}
