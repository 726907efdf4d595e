/* SPDX-License-Identifier: Apache-2.0 */
/* git:// transport: a pkt-line (four hex digits of length) with the service name. */
#include "../text.h"

FI_PROTO(git, 83, 15, FI_TCP, "git transport", FI_PORTS(9418), FI_THEN());

fi_inline __u32 fi_hex(__u8 c)
{
	return fi_digit(c) | fi_range(c | 0x20, 'a', 'f');
}

/* FI_SIGNATURES 1 "service request" 2 "reference advertisement" 3 "version advertisement" */
FI_SIG(git)
{
	FI_CHECK(w);
	if (w->len < 4)
		return w->len == 0 || fi_hex(fi_at(w, 0)) ? FI_MORE : FI_NO;
	if (!(fi_hex(fi_at(w, 0)) & fi_hex(fi_at(w, 1)) & fi_hex(fi_at(w, 2)) & fi_hex(fi_at(w, 3))))
		return FI_NO;
	enum fi_fit up = fi_fit(w, 4, "git-upload-"), re = fi_fit(w, 4, "git-receive-pack ");

	if (up == FI_FIT_YES || re == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	if (up == FI_FIT_MORE || re == FI_FIT_MORE)
		return FI_MORE;
	/* protocol version 1 or 2: the server's first line is just that */
	enum fi_fit one = fi_fit(w, 0, "000eversion 1\n"), two = fi_fit(w, 0, "000eversion 2\n");

	if (one == FI_FIT_YES || two == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_SERVER, 3, 0);
	if (one == FI_FIT_MORE || two == FI_FIT_MORE)
		return FI_MORE;
	/* NNNN, forty hex digits, space, reference name */
	__u32 bad = 0;

	for (__u32 i = 4; i < 44; i++)
		bad |= (fi_hex(fi_at(w, i)) ^ 1) & (__u32)fi_in(w, i, 1);
	if (bad)
		return FI_NO;
	if (w->len < 46)
		return FI_MORE;
	return fi_at(w, 44) == ' ' && fi_print(fi_at(w, 45)) ? FI_HIT(FI_STRONG, FI_SERVER, 2, 0) : FI_NO;
}
