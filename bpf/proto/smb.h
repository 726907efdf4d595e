/* SPDX-License-Identifier: Apache-2.0 */
/* SMB 1, 2, 3 behind the NetBIOS session header (type 0, 24 bits of length); [MS-SMB2] 2.2.1. */
FI_PROTO(smb, 79, 15, FI_TCP | FI_UDP, "Server Message Block", FI_PORTS(445, 139), FI_THEN());

/* FI_SIGNATURES 1 "SMB1" 2 "SMB2" 3 "encrypted or compressed" 4 "session request" */
FI_SIG(smb)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0), magic;

	if (w->l4 == FI_UDP)
		return FI_NO;
	if (type == 0x81 && w->start) { /* NetBIOS session request: two encoded names of 32 characters */
		if (w->len < 6)
			return FI_MORE;
		if (fi_be24(w, 1) != 68 || fi_at(w, 4) != 32)
			return FI_NO;
		return fi_range(fi_at(w, 5), 'A', 'P') ? FI_HIT(FI_STRONG, FI_CLIENT, 4, 0) : FI_NO;
	}
	if (fi_range(type, 0x82, 0x83) && w->whole == 0 && fi_port(w, 139)) {
		if (w->len < 4)
			return FI_MORE;
		return fi_be24(w, 1) <= 1 ? FI_HIT(FI_WEAK, FI_SERVER, 4, 0) : FI_NO;
	}
	if (type)
		return FI_NO;
	if (w->len < 8)
		return w->len > 3 && fi_be24(w, 1) < 32 ? FI_NO : FI_MORE;
	if (fi_be24(w, 1) < 32)
		return FI_NO;
	magic = fi_be32(w, 4);
	if (magic == 0xff534d42)
		return w->len < 14 ? FI_MORE : FI_HIT(FI_STRONG, fi_at(w, 13) & 0x80 ? FI_SERVER : FI_CLIENT, 1, 4);
	if (magic == 0xfe534d42)
		return w->len < 24 ? FI_MORE : FI_HIT(FI_STRONG, fi_at(w, 20) & 1 ? FI_SERVER : FI_CLIENT, 2, 4);
	if (magic == 0xfd534d42 || magic == 0xfc534d42)
		return FI_HIT(FI_STRONG, FI_EITHER, 3, 4);
	return FI_NO;
}
