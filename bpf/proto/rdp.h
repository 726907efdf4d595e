/* SPDX-License-Identifier: Apache-2.0 */
/* RDP: X.224 connection request and confirm in TPKT, [MS-RDPBCGR] 2.2.1.1; then TLS on the same connection. Over UDP, the
 * SYN of [MS-RDPEUDP] 3.1.5.1.1: no datagram acknowledged yet, and two MTUs of 1132 to 1232. */
#include "../text.h"

FI_PROTO(rdp, 54, 40, FI_TCP | FI_UDP, "Remote Desktop Protocol", FI_PORTS(3389), FI_THEN(tls));

/* FI_SIGNATURES 1 "connection request" 2 "connection confirm" 3 "UDP SYN" */
FI_SIG(rdp)
{
	FI_CHECK(w);
	if (w->l4 == FI_UDP) {
		__u32 flags = fi_be16(w, 6), up = fi_be16(w, 12), down = fi_be16(w, 14);

		if (!fi_in(w, 0, 16) || fi_be32(w, 0) != 0xffffffff || (flags & 0xe005) != 1)
			return FI_NO;
		return fi_range(up, 1132, 1232) & fi_range(down, 1132, 1232) ? FI_HIT(FI_STRONG, FI_CLIENT, 3, 12) : FI_NO;
	}
	if (fi_at(w, 0) != 3 || (w->len > 1 && fi_at(w, 1)))
		return FI_NO;
	if (w->len < 11)
		return FI_MORE;
	__u32 len = fi_be16(w, 2), li = fi_at(w, 4), code = fi_at(w, 5);

	if (len < 11 || len > 400 || li + 5 != len || fi_at(w, 10))
		return FI_NO;
	if (code == 0xe0) {
		enum fi_fit cookie = fi_fit(w, 11, "Cookie: mst"), token = fi_fit(w, 11, "Cookie: msthash");

		if (len == 11)
			return FI_HIT(fi_port(w, 3389) ? FI_FAIR : FI_WEAK, FI_CLIENT, 1, 0);
		if (cookie == FI_FIT_YES || token == FI_FIT_YES)
			return FI_HIT(FI_STRONG, FI_CLIENT, 1, 11);
		if (cookie == FI_FIT_MORE || w->len < 19)
			return FI_MORE;
		return fi_at(w, 11) == 1 && fi_le16(w, 13) == 8 ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 11) : FI_NO;
	}
	if (code == 0xd0) {
		if (len == 11)
			return FI_HIT(FI_WEAK, FI_SERVER, 2, 0);
		if (w->len < 19)
			return FI_MORE;
		return fi_range(fi_at(w, 11), 2, 3) && fi_le16(w, 13) == 8 ? FI_HIT(FI_STRONG, FI_SERVER, 2, 11) : FI_NO;
	}
	return FI_NO;
}
