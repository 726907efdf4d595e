/* SPDX-License-Identifier: Apache-2.0 */
/* EtherNet/IP encapsulation (CIP volume 2, chapter 2): command, length, session, status, the sender's context, options
 * that are zero. */
FI_PROTO(enip, 166, 55, FI_TCP | FI_UDP, "EtherNet/IP", FI_PORTS(44818), FI_THEN());

#define FI_ENIP_HEAD 24

/* FI_SIGNATURES 1 "session" 2 "list" 3 "data" */
FI_SIG(enip)
{
	FI_CHECK(w);
	__u32 command = fi_at(w, 0), len = fi_le16(w, 2), status = fi_le32(w, 8), n, item, first;
	/* list services, identity, interfaces; register and leave a session; data; status and cancel are not used any more */
	__u32 list = fi_equal(command, 4) | fi_range(command, 0x63, 0x64), data = fi_equal(command, 0x6f) | fi_equal(command, 0x70);

	if ((w->len > 0 && !(list | data | fi_range(command, 0x65, 0x66))) || fi_at(w, 1))
		return FI_NO;
	if (w->whole && FI_ENIP_HEAD + len != w->total)
		return FI_NO;
	if ((fi_in(w, 8, 4) && status > 3 && status != 0x64 && status != 0x65 && status != 0x69 && status != 0x6a) || fi_be32(w, 20))
		return FI_NO;
	if (w->len < FI_ENIP_HEAD)
		return w->whole ? FI_NO : FI_MORE;
	/* little but zeros: not without the port */
	if (command == 0x66 || !len)
		return len || command == 0x65 || (command == 0x66 && !fi_be32(w, 4)) ?
			       FI_NO :
			       FI_HIT(fi_port(w, 44818) ? FI_FAIR : FI_WEAK, status ? FI_SERVER : FI_CLIENT, command == 0x66 ? 1 : list ? 2 : 3, 0);
	if (command == 0x65) {
		if (len != 4)
			return FI_NO;
		if (!fi_in(w, 24, 4))
			return w->whole ? FI_NO : FI_MORE;
		if (fi_be32(w, 24) != 0x01000000) /* version 1, no options */
			return FI_NO;
		return FI_HIT(FI_STRONG, fi_be32(w, 4) ? FI_SERVER : FI_CLIENT, 1, 0);
	}
	if (list) { /* items: count, type, length */
		if (!fi_in(w, 24, 6))
			return w->whole ? FI_NO : FI_MORE;
		n = fi_le16(w, 24);
		item = fi_le16(w, 26);
		if (item != (command == 4 ? 0x100 : 0x0c) || command == 0x64 || n < 1 || n > 16 || fi_le16(w, 28) + 6u > len)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_SERVER, 2, 0);
	}
	/* interface CIP, timeout, items: an address (none, or of a connection), then data */
	if (!fi_in(w, 24, 12))
		return w->whole ? FI_NO : FI_MORE;
	n = fi_le16(w, 30);
	item = fi_le16(w, 32);
	first = fi_le16(w, 34);
	if (len < 16 || fi_be32(w, 24) || n < 2 || n > 4 || (item && item != 0xa1 && item != 0x8002) || first > 16 || (!item && first))
		return FI_NO;
	if (!fi_in(w, 36 + first, 4))
		return w->whole ? FI_NO : FI_MORE;
	item = fi_le16(w, 36 + first);
	if ((item != 0xb1 && item != 0xb2) || 16u + first + fi_le16(w, 38 + first) > len)
		return FI_NO;
	return FI_HIT(n > 2 || 16u + first + fi_le16(w, 38 + first) == len ? FI_STRONG : FI_FAIR, FI_EITHER, 3, 0);
}
