/* SPDX-License-Identifier: Apache-2.0 */
/* RDP: X.224 connection request and confirm in TPKT, [MS-RDPBCGR] 2.2.1.1; then TLS on the same connection. */
#include "../text.h"

FI_PROTO(rdp, 54, 40, FI_TCP, "Remote Desktop Protocol", FI_PORTS(3389), FI_THEN(tls));

/* FI_SIGNATURES 1 "connection request" 2 "connection confirm" */
FI_SIG(rdp)
{
	FI_CHECK(w);
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
