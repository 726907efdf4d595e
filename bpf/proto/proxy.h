/* SPDX-License-Identifier: Apache-2.0 */
/* PROXY protocol v1 and v2 (HAProxy): a header before the real protocol, which is looked at afterwards. */
#include "../text.h"

FI_PROTO(proxy, 44, 8, FI_TCP, "PROXY protocol", FI_PORTS(), FI_THEN(any));

/* FI_SIGNATURES 1 "version 1" 2 "version 2" */
FI_SIG(proxy)
{
	FI_CHECK(w);
	if (fi_at(w, 0) == 'P') {
		enum fi_fit fit = fi_fit(w, 0, "PROXY ");

		if (fit != FI_FIT_YES)
			return (fi_answer)fit;
		if (w->len < 11)
			return FI_MORE;
		if (!fi_is(w, 6, "TCP4 ") && !fi_is(w, 6, "TCP6 ") && !fi_is(w, 6, "UNKNO"))
			return FI_NO;
		__u32 line = fi_line(w, 108); /* 107 bytes at most, with CR LF */

		if (!line)
			return w->len < 108 ? FI_MORE : FI_NO;
		return line > 2 && fi_at(w, line - 2) == '\r' ? FI_SKIP(FI_HIT(FI_STRONG, FI_CLIENT, 1, 0), line) : FI_NO;
	}
	enum fi_fit v2 = fi_fit(w, 0, "\r\n\r\n\0\r\nQUIT\n");

	if (v2 != FI_FIT_YES)
		return (fi_answer)v2;
	if (w->len < 16)
		return FI_MORE;
	__u32 command = fi_at(w, 12), family = fi_at(w, 13), len = fi_be16(w, 14) + 16;

	if (command >> 4 != 2 || (command & 15) > 1 || family >> 4 > 3 || (family & 15) > 2)
		return FI_NO;
	if (w->total < len)
		return FI_MORE;
	return FI_SKIP(FI_HIT(FI_STRONG, FI_CLIENT, 2, 0), len);
}

#ifdef FI_HOST
/* Original addresses of a version 1 header; version 2 in the same form. */
FI_LABELS(proxy)
{
	char text[64];

	if (t->who == FI_SERVER)
		return 1;
	if (t->len >= 16 && t->data[0] == '\r') {
		const __u8 *p = t->data + 16;

		if (t->data[13] >> 4 == 1 && t->len >= 28) {
			snprintf(text, sizeof(text), "%u.%u.%u.%u:%u", p[0], p[1], p[2], p[3], p[8] << 8 | p[9]);
			fi_label_str(out, FI_L_PROXY_SOURCE, text);
			snprintf(text, sizeof(text), "%u.%u.%u.%u:%u", p[4], p[5], p[6], p[7], p[10] << 8 | p[11]);
			fi_label_str(out, FI_L_PROXY_DESTINATION, text);
		}
		return 1;
	}
	const __u8 *end = fi_text_find(t, 0, '\n');
	char line[112], family[8], from[48], to[48];
	unsigned int fport, tport;

	if (!end)
		return t->len >= 108;
	memset(line, 0, sizeof(line));
	memcpy(line, t->data, end - t->data < 111 ? end - t->data : 111);
	if (sscanf(line, "PROXY %7s %47s %47s %u %u", family, from, to, &fport, &tport) == 5) {
		snprintf(text, sizeof(text), family[3] == '6' ? "[%s]:%u" : "%s:%u", from, fport & 0xffff);
		fi_label_str(out, FI_L_PROXY_SOURCE, text);
		snprintf(text, sizeof(text), family[3] == '6' ? "[%s]:%u" : "%s:%u", to, tport & 0xffff);
		fi_label_str(out, FI_L_PROXY_DESTINATION, text);
	}
	return 1;
}
#endif
