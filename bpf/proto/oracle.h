/* SPDX-License-Identifier: Apache-2.0 */
/* Oracle Net (TNS): packets of length, checksum (unused: 0), type, flags, header checksum. A connection begins with
 * CONNECT, whose data is text in parentheses; the server accepts, refuses, redirects or asks for it again. */
#include "../labels.h"

FI_PROTO(oracle, 21, 44, FI_TCP, "Oracle Net", FI_PORTS(1521, 1522, 1526), FI_THEN());

/* FI_SIGNATURES 1 "CONNECT" 2 "ACCEPT" 3 "REFUSE or REDIRECT" 4 "RESEND" 5 "DATA" 6 "MARKER" */
FI_SIG(oracle)
{
	FI_CHECK(w);
	__u32 len = fi_be16(w, 0), type = fi_at(w, 4), version = fi_be16(w, 8), usual = fi_port(w, 1521);

	if (w->len < 5) /* no packet that is sought has a length above 8 KiB */
		return fi_at(w, 0) > 0x20 || fi_at(w, 2) || fi_at(w, 3) ? FI_NO : FI_MORE;
	if (fi_be16(w, 2) || fi_at(w, 0) > 0x20)
		return FI_NO;
	if (w->len < 8)
		return FI_MORE;
	if (fi_be16(w, 6) || fi_at(w, 5) & 0xc1)
		return FI_NO;
	if (type == 11)
		return len == 8 ? FI_HIT(FI_FAIR, FI_SERVER, 4, 0) : FI_NO;
	if (w->len < 11)
		return FI_MORE;
	if (type == 12)
		return len == 11 && fi_at(w, 8) <= 1 && fi_at(w, 9) == 0 && fi_at(w, 10) <= 3 ? FI_HIT(FI_FAIR, FI_EITHER, 6, 0) : FI_NO;
	if (w->len < 14)
		return FI_MORE;
	if (type == 1) {
		__u32 size, from;

		if (w->len < 28)
			return FI_MORE;
		size = fi_be16(w, 24);
		from = fi_be16(w, 26);
		if (len < 28 || version < 300 || version > 340 || fi_be16(w, 10) > version || from < 26 || from > 512)
			return FI_NO;
		/* data that does not fit follows in a packet of its own */
		if (from + size != len && from != len && from + size > len + 4096)
			return FI_NO;
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 8);
	}
	if (type == 2)
		return len >= 24 && version >= 300 && version <= 340 ? FI_HIT(FI_STRONG, FI_SERVER, 2, 8) : FI_NO;
	if (type == 4) /* reasons, length of the text, text */
		return fi_be16(w, 10) + 12u == len && fi_at(w, 12) == '(' ? FI_HIT(FI_STRONG, FI_SERVER, 3, 12) : FI_NO;
	if (type == 5)
		return len >= 10 && fi_at(w, 10) == '(' ? FI_HIT(FI_STRONG, FI_SERVER, 3, 10) : FI_NO;
	if (type == 6) {
		if (len >= 14 && fi_be32(w, 10) == 0xdeadbeef) /* native network services */
			return FI_HIT(FI_STRONG, FI_EITHER, 5, 10);
		return len >= 11 && (fi_be16(w, 8) & ~0x0c40u) == 0 ? FI_HIT(usual ? FI_FAIR : FI_WEAK, FI_EITHER, 5, 0) : FI_NO;
	}
	return FI_NO;
}

#ifdef FI_HOST
/* Text behind `key` up to a closing parenthesis. */
static inline void fi_oracle_value(const struct fi_text *t, const char *key, __u16 label, struct fi_labels *out)
{
	__u32 n = strlen(key);

	for (__u32 at = 8; at + n < t->len; at++)
		if (!memcmp(t->data + at, key, n)) {
			const __u8 *end = fi_text_find(t, at + n, ')');

			if (end && end > t->data + at + n)
				fi_label(out, label, t->data + at + n, end - t->data - at - n);
			return;
		}
}

/* What the client asks for. */
FI_LABELS(oracle)
{
	if (t->who != FI_CLIENT)
		return 1;
	if (t->len < 2 || (t->len < ((__u32)t->data[0] << 8 | t->data[1]) && !t->last))
		return 0;
	fi_oracle_value(t, "(SERVICE_NAME=", FI_L_DB_NAME, out);
	fi_oracle_value(t, "(SID=", FI_L_DB_NAME, out);
	fi_oracle_value(t, "(USER=", FI_L_DB_USER, out);
	return fi_label_has(out, FI_L_DB_NAME) || t->len > 1024;
}
#endif
