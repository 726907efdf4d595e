/* SPDX-License-Identifier: Apache-2.0 */
/* RFB (VNC), RFC 6143 §7.1.1: both ends send "RFB 003.00x\n". */
FI_PROTO(vnc, 55, 10, FI_TCP, "Remote Framebuffer", FI_PORTS(5900, 5901), FI_THEN());

/* FI_SIGNATURES 1 "protocol version" */
FI_SIG(vnc)
{
	FI_CHECK(w);
	enum fi_fit fit = fi_fit(w, 0, "RFB 00");

	if (fit != FI_FIT_YES)
		return (fi_answer)fit;
	if (w->len < 12)
		return FI_MORE;
	return fi_digit(fi_at(w, 6)) && fi_at(w, 7) == '.' && fi_digit(fi_at(w, 8)) && fi_digit(fi_at(w, 10)) && fi_at(w, 11) == '\n' ?
		       FI_HIT(FI_STRONG, FI_EITHER, 1, 0) :
		       FI_NO;
}
