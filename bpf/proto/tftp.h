/* SPDX-License-Identifier: Apache-2.0 */
/* TFTP, RFC 1350, 2347: read and write requests name a file and a mode; data and acknowledgements are weak. */
#include "../text.h"

FI_PROTO(tftp, 69, 58, FI_UDP, "Trivial File Transfer Protocol", FI_PORTS(69), FI_THEN());

/* FI_SIGNATURES 1 "read or write request" 2 "data" 3 "acknowledgement" 4 "error" 5 "option acknowledgement" */
FI_SIG(tftp)
{
	FI_CHECK(w);
	__u32 op = fi_be16(w, 0);

	if (!w->whole || op < 1 || op > 6 || w->total < 4)
		return FI_NO;
	if (op <= 2) {
		if ((!fi_print(fi_at(w, 2)) && !fi_port(w, 69)) || w->total > 600)
			return FI_NO;
		/* "octet" or "netascii" after the name */
		return fi_has_word(w, FI_WORD('O', 'C', 'T', 'E'), 200) || fi_has_word(w, FI_WORD('N', 'E', 'T', 'A'), 200) ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 0) : FI_NO;
	}
	if (op == 3)
		return w->total <= 516 && fi_be16(w, 2) ? FI_HIT(w->total == 516 && fi_be16(w, 2) == 1 ? FI_FAIR : FI_WEAK, FI_EITHER, 2, 0) : FI_NO;
	if (op == 4)
		return w->total == 4 ? FI_HIT(FI_WEAK, FI_EITHER, 3, 0) : FI_NO;
	if (op == 5)
		return fi_be16(w, 2) <= 8 && w->total >= 5 && fi_print(fi_at(w, 4)) ? FI_HIT(FI_WEAK, FI_EITHER, 4, 0) : FI_NO;
	return fi_has_word(w, FI_WORD('B', 'L', 'K', 'S'), 32) || fi_has_word(w, FI_WORD('T', 'S', 'I', 'Z'), 32) || fi_has_word(w, FI_WORD('T', 'I', 'M', 'E'), 32) ?
		       FI_HIT(FI_FAIR, FI_SERVER, 5, 0) :
		       FI_NO;
}
