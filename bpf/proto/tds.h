/* SPDX-License-Identifier: Apache-2.0 */
/* TDS, [MS-TDS] and Sybase's: packets of type, status, length, process id, number, window 0. SQL Server logins begin
 * with PRELOGIN, whose packets also carry the TLS handshake. TPKT's 03 00 is an RPC's type and status: the bodies tell. */
FI_PROTO(tds, 20, 44, FI_TCP, "Tabular Data Stream", FI_PORTS(1433, 1434, 5000), FI_THEN(tls));

/* PRELOGIN: a list of option, offset, length; the version comes first and has six bytes. */
fi_inline __u32 fi_tds_prelogin(const struct fi_win *w, __u32 len)
{
	__u32 off = fi_be16(w, 9);

	return fi_equal(fi_at(w, 8), 0) & fi_equal(fi_be16(w, 11), 6) & fi_below(5, off) & fi_below(off + 13, len) &
	       (fi_below(fi_at(w, 13), 10) | fi_equal(fi_at(w, 13), 0xff));
}

/* ALL_HEADERS of TDS 7.2 and later at byte 8: 22 bytes, of which the one header has 18, of type 2. */
fi_inline __u32 fi_tds_headers(const struct fi_win *w)
{
	return fi_equal(fi_le32(w, 8), 22) & fi_equal(fi_le32(w, 12), 18) & fi_equal(fi_le16(w, 16), 2);
}

/* Twelve bytes of UTF-16 text from off on. */
fi_inline __u32 fi_tds_text(const struct fi_win *w, __u32 off)
{
	__u32 bad = 0;

	for (__u32 i = 0; i < 12; i += 2)
		bad |= fi_at(w, off + i + 1) | (fi_below(fi_at(w, off + i), 9) | fi_below(0x7e, fi_at(w, off + i)));
	return fi_equal(bad, 0);
}

/* Tokens that a reply begins with. */
fi_inline __u32 fi_tds_token(__u32 t)
{
	return fi_equal(t, 0x79) | fi_equal(t, 0x81) | fi_equal(t, 0xa0) | fi_equal(t, 0xa5) | fi_range(t, 0xa9, 0xae) | fi_equal(t, 0xe3) | fi_equal(t, 0xe5) |
	       fi_equal(t, 0xed) | fi_equal(t, 0xee) | fi_range(t, 0xfd, 0xff);
}

/* FI_SIGNATURES 1 "PRELOGIN" 2 "LOGIN7" 3 "TLS in PRELOGIN" 4 "batch or RPC" 5 "reply" 6 "PRELOGIN reply" 7 "Sybase login" */
FI_SIG(tds)
{
	FI_CHECK(w);
	__u32 type = fi_at(w, 0), status = fi_at(w, 1), len = fi_be16(w, 2);

	if (!(fi_range(type, 1, 4) | fi_equal(type, 7) | fi_range(type, 14, 18)))
		return w->len ? FI_NO : FI_MORE;
	if (status & ~0x1fu)
		return FI_NO;
	if (w->len < 8)
		return w->len >= 4 && len < 9 ? FI_NO : FI_MORE;
	if (len < 9 || fi_at(w, 7) != 0)
		return FI_NO;
	if (w->len < (len < 26 ? len : 26))
		return FI_MORE;
	if (type == 18) {
		if (fi_tds_prelogin(w, len))
			return FI_HIT(FI_STRONG, FI_CLIENT, 1, 8);
		return fi_be16(w, 8) >> 8 >= 0x14 && fi_be16(w, 8) >> 8 <= 0x17 && fi_at(w, 9) == 3 && fi_at(w, 10) <= 4 ? FI_HIT(FI_STRONG, FI_EITHER, 3, 8) : FI_NO;
	}
	if (type == 16) /* length of the whole login, version 7.x, packet size */
		return len >= 86 && fi_le32(w, 8) + 8 >= len && fi_le32(w, 8) < 1u << 17 && fi_range(fi_at(w, 15) | fi_at(w, 12), 0x70, 0x7f) && fi_le32(w, 16) <= 32768 ?
			       FI_HIT(FI_STRONG, FI_CLIENT, 2, 8) :
			       FI_NO;
	if (type == 4) {
		if (fi_tds_prelogin(w, len))
			return FI_HIT(FI_STRONG, FI_SERVER, 6, 8);
		return status <= 1 && fi_at(w, 6) == 1 && fi_tds_token(fi_at(w, 8)) ? FI_HIT(FI_FAIR, FI_SERVER, 5, 8) : FI_NO;
	}
	if (type == 1 || type == 3 || type == 14) {
		if (fi_tds_headers(w))
			return FI_HIT(FI_STRONG, FI_CLIENT, 4, 8);
		return type == 1 && len >= 20 && fi_tds_text(w, 8) ? FI_HIT(FI_FAIR, FI_CLIENT, 4, 8) : FI_NO;
	}
	if (type == 2 && len == 512) { /* host name of 30 bytes, filled up with zeros */
		if (w->len < 40)
			return FI_MORE;
		return fi_be32(w, 4) == 0 && fi_print(fi_at(w, 8)) && fi_at(w, 38) <= 30 && fi_at(w, 37) == 0 ? FI_HIT(FI_FAIR, FI_CLIENT, 7, 8) : FI_NO;
	}
	return FI_NO;
}
