/* SPDX-License-Identifier: Apache-2.0 */
/* SNMP v1, v2c, v3, RFC 3416, 3412: a BER sequence of the datagram's length, version, then community or header. */
#include "../ber.h"

FI_PROTO(snmp, 64, 48, FI_UDP, "Simple Network Management Protocol", FI_PORTS(161, 162), FI_THEN());

/* FI_SIGNATURES 1 "v1 or v2c" 2 "v3" */
FI_SIG(snmp)
{
	FI_CHECK(w);
	__u32 head = fi_ber_head(w, 0), len = fi_ber_len(w, 0);

	if (!w->whole || fi_at(w, 0) != 0x30 || !head || head + len != w->total)
		return FI_NO;
	if (fi_at(w, head) != 2 || fi_at(w, head + 1) != 1)
		return FI_NO;
	__u32 version = fi_at(w, head + 2), next = head + 3;

	if (version == 3)
		return fi_at(w, next) == 0x30 && fi_at(w, next + 2) == 2 ? FI_HIT(FI_STRONG, FI_EITHER, 2, 0) : FI_NO;
	if (version > 1 || fi_at(w, next) != 4)
		return FI_NO;
	__u32 pdu = next + fi_ber_head(w, next) + fi_ber_len(w, next);

	if (pdu >= w->total)
		return FI_NO;
	if (pdu >= FI_WINDOW)
		return FI_HIT(FI_FAIR, FI_EITHER, 1, 0);
	__u8 type = fi_at(w, pdu);

	if (!fi_range(type, 0xa0, 0xa8))
		return FI_NO;
	return FI_HIT(FI_STRONG, type == 0xa2 ? FI_SERVER : type <= 0xa1 || type == 0xa3 || type == 0xa5 ? FI_CLIENT : FI_EITHER, 1, 0);
}
