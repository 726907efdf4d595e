/* SPDX-License-Identifier: Apache-2.0 */
/* BitTorrent peer protocol (BEP 3), distributed hash table (BEP 5), micro transport (BEP 29), UDP trackers (BEP 15). */
FI_PROTO(bittorrent, 85, 12, FI_TCP | FI_UDP, "BitTorrent", FI_PORTS(6881), FI_THEN());

/* FI_SIGNATURES 1 "handshake" 2 "DHT" 3 "uTP" 4 "tracker connect" 5 "local peer discovery" */
FI_SIG(bittorrent)
{
	FI_CHECK(w);
	enum fi_fit hello = fi_fit(w, 0, "\x13" "BitTorrent protocol");

	if (hello == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_EITHER, 1, 0);
	if (w->l4 == FI_TCP)
		return (fi_answer)hello;
	if (fi_at(w, 0) == 'd') {
		/* bencoded: d1:ad2:id20:, d1:rd2:id20:, d2:ip6:, d1:el */
		if (fi_is(w, 0, "d1:ad2:id20:") || fi_is(w, 0, "d1:rd2:id20:") || fi_is(w, 0, "d2:ip6:") || fi_is(w, 0, "d2:ip4:") || fi_is(w, 0, "d1:eli"))
			return FI_HIT(FI_STRONG, FI_EITHER, 2, 0);
		return FI_NO;
	}
	if (fi_is(w, 0, "BT-SEARCH * HTTP/1.1"))
		return FI_HIT(FI_STRONG, FI_CLIENT, 5, 0);
	if (w->total == 16 && fi_be64(w, 0) == 0x41727101980ull && fi_be32(w, 8) == 0)
		return FI_HIT(FI_STRONG, FI_CLIENT, 4, 0);
	/* uTP SYN: type 4 version 1, no extension or the usual one, sequence number 1, no acknowledgement */
	if (fi_at(w, 0) == 0x41 && fi_at(w, 1) <= 2 && w->total >= 20 && w->total <= 30 && fi_be32(w, 8) == 0 && fi_be16(w, 16) == 1 && fi_be16(w, 18) == 0)
		return FI_HIT(FI_FAIR, FI_CLIENT, 3, 0);
	/* uTP data that carries the handshake */
	if (fi_at(w, 0) == 0x01 && fi_at(w, 1) == 0 && fi_is(w, 20, "\x13" "BitTorrent"))
		return FI_HIT(FI_STRONG, FI_EITHER, 3, 20);
	if ((fi_at(w, 0) == 0x21 || fi_at(w, 0) == 0x01 || fi_at(w, 0) == 0x11) && fi_at(w, 1) <= 2 && w->total >= 20 && fi_at(w, 4) | fi_at(w, 5) && fi_be16(w, 16))
		return FI_HIT(FI_WEAK, FI_EITHER, 3, 0);
	return FI_NO;
}
