/* SPDX-License-Identifier: Apache-2.0 */
/* OpenVPN: opcode and key id, session id; over TCP behind two bytes of length. Only the hard resets are sure enough. */
FI_PROTO(openvpn, 45, 58, FI_TCP | FI_UDP, "OpenVPN", FI_PORTS(1194), FI_THEN());

#define FI_OVPN_SEEN 102 /* bytes of a message that are looked at */

/* FI_SIGNATURES 1 "client reset" 2 "server reset" 3 "control" */
FI_SIG(openvpn)
{
	FI_CHECK(w);
	__u32 base = w->l4 == FI_TCP ? 2 : 0, len = base ? fi_be16(w, 0) : w->total;

	__u32 op = fi_at(w, base), reset = fi_equal(op, 0x38) | fi_equal(op, 0x40) | fi_equal(op, 0x50);
	__u32 data = (fi_equal(op, 0x20) | fi_equal(op, 0x28)) & (__u32)fi_port(w, 1194);

	if (w->len < base + 14)
		return w->whole || (w->len >= 2 && (len < 14 || len > 2000)) || (w->len > 2 && !(reset | data)) ? FI_NO : FI_MORE;
	if (len < 14 || len > 2000 || !fi_be64(w, base + 1))
		return FI_NO;
	/* what follows looks at the end of short messages: over TCP it may be yet to come */
	if (base && reset && w->len < base + (len < FI_OVPN_SEEN ? len : FI_OVPN_SEEN))
		return FI_MORE;
	/* plain: acknowledgement count 0, packet id 0; with tls-auth a digest and a packet id of 1 and a time come between */
	int plain = len == 14 && fi_at(w, base + 9) == 0 && fi_be32(w, base + 10) == 0;
	int auth20 = len == 42 && fi_be32(w, base + 29) == 1, auth64 = len == 86 && fi_be32(w, base + 73) == 1, auth32 = len == 54 && fi_be32(w, base + 41) == 1;
	int crypt = len == 54 && fi_be32(w, base + 9) == 1;

	/* with a digest: the message ends with an empty acknowledgement list and packet id 0, or the server's list of one */
	if (!plain && !crypt && len <= 86 && op == 0x38 && (fi_be32(w, base + len - 4) || fi_at(w, base + len - 5)))
		return FI_NO;

	if (op == 0x38)
		return plain || auth20 || auth64 || auth32 || crypt ? FI_HIT(FI_FAIR, FI_CLIENT, 1, base) : FI_NO;
	if (op == 0x50) /* reset v3: tls-crypt-v2, the client's key comes along */
		return len > 300 && fi_be32(w, base + 9) == 1 ? FI_HIT(FI_FAIR, FI_CLIENT, 1, base) : FI_NO;
	if (op == 0x40) {
		if (fi_at(w, base + 9) == 1 && len == 26 && fi_be32(w, base + 10) == 0 && fi_be32(w, base + 22) == 0)
			return FI_HIT(FI_FAIR, FI_SERVER, 2, base);
		/* the packet id behind a digest of 64 bytes only where the message is that long: what follows is another message */
		return auth20 || auth64 || auth32 || crypt ||
				       (len >= 50 && len <= 102 &&
					(fi_be32(w, base + 29) == 1 || (len >= 77 && fi_be32(w, base + 73) == 1) || fi_be32(w, base + 41) == 1 || fi_be32(w, base + 9) == 1)) ?
			       FI_HIT(FI_FAIR, FI_SERVER, 2, base) :
			       FI_NO;
	}
	if (data)
		return FI_HIT(FI_WEAK, FI_EITHER, 3, base);
	return FI_NO;
}
