/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 without TLS, RFC 9113: the client begins with a 24-byte preface (prior knowledge) or asks by `Upgrade: h2c`,
 * which the server grants with 101; the server begins with SETTINGS, sometimes before the preface arrives. Frame
 * headers alone resemble many binary protocols, so a mid-stream join needs two frames in a row, one of them HEADERS
 * with HPACK that adds up to the byte. */
#include "h2wire.h"

FI_PROTO(http2, 4, 12, FI_TCP, "HTTP/2", FI_PORTS(80, 8080, 50051), FI_THEN(grpc, grpc_web, websocket));

/* FI_SIGNATURES 1 "client preface" 2 "server SETTINGS" 3 "upgrade to h2c granted" 4 "HEADERS in a chain of frames"
 *               5 "two control frames" */

/* Server SETTINGS, RFC 9113 §3.4. With two or more settings nothing else looks so; one is FAIR; none is nine bytes
 * nearly all zero, so the next frame must agree. */
fi_inline fi_answer fi_http2_settings(const struct fi_win *w, __u32 len)
{
	__u64 next;

	if (len > FI_H2_SETTINGS_MAX * 6)
		return FI_NO;
	if (len) {
		if (!fi_in(w, 9, len))
			return fi_wait(w);
		if (!fi_h2_settings(w, 9, len))
			return FI_NO;
		return FI_HIT(len >= 12 ? FI_STRONG : FI_FAIR, FI_SERVER, 2, 0);
	}
	next = fi_h2_frame(w, 9);
	if (FI_H2_KIND(next) == FI_H2_MORE)
		return fi_wait(w);
	if (FI_H2_KIND(next) == FI_H2_BAD || FI_H2_TYPE(next) == FI_H2_DATA)
		return FI_NO;
	return FI_HIT(FI_FAIR, FI_SERVER, 2, 0);
}

fi_inline int fi_http2_control(__u64 f)
{
	__u8 type = FI_H2_TYPE(f);

	return type == FI_H2_PING || type == FI_H2_WINDOW_UPDATE || type == FI_H2_RST_STREAM ||
	       (type == FI_H2_SETTINGS && FI_H2_FLAGS(f));
}

/* Joined mid-stream: the first two frames must be whole frame headers, one of them HEADERS. */
fi_inline fi_answer fi_http2_chain(const struct fi_win *w, __u64 a)
{
	__u32 second = 9 + FI_H2_LEN(a), off = 0;
	__u64 b, headers = a;
	int facts;

	if (second + 9 > FI_WINDOW)
		return FI_NO;
	if (fi_in(w, second, 1) == 0)
		return fi_wait(w);
	b = fi_h2_frame(w, second);
	if (FI_H2_KIND(b) != FI_H2_OK)
		return FI_H2_KIND(b) == FI_H2_MORE ? fi_wait(w) : FI_NO;
	if (fi_http2_control(a) && fi_http2_control(b))
		return FI_HIT(FI_WEAK, FI_EITHER, 5, 0);
	if (FI_H2_TYPE(a) != FI_H2_HEADERS) {
		if (FI_H2_TYPE(b) != FI_H2_HEADERS)
			return FI_NO;
		headers = b;
		off = second;
	}
	facts = fi_h2_headers(w, off, headers);
	if (facts & FI_F2_BAD)
		return FI_NO;
	if (facts & FI_F2_CUT)
		return fi_wait(w);
	if (!(facts & FI_F2_PSEUDO))
		return FI_NO;
	return FI_HIT(FI_FAIR, fi_h2_who((__u64)facts << 32), 4, off);
}

FI_SIG(http2)
{
	FI_CHECK(w);
	enum fi_fit preface = fi_fit(w, 0, FI_H2_PREFACE), upgrade = fi_fit(w, 0, "HTTP/1.1 101");
	__u64 f;

	if (preface == FI_FIT_YES)
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	if (preface == FI_FIT_MORE || upgrade == FI_FIT_MORE)
		return fi_wait(w);
	if (upgrade == FI_FIT_YES) {
		int fields = fi_headers(w, 0);

		if (fields & FI_H_H2C)
			return FI_OVER(FI_HIT(FI_STRONG, FI_SERVER, 3, 0), FI_P_HTTP1);
		return fields & FI_H_END ? FI_NO : fi_wait(w);
	}
	f = fi_h2_frame(w, 0);
	if (FI_H2_KIND(f) != FI_H2_OK)
		return FI_H2_KIND(f) == FI_H2_MORE ? fi_wait(w) : FI_NO;
	if (FI_H2_TYPE(f) == FI_H2_SETTINGS && !FI_H2_FLAGS(f) && !(w->start && w->from == FI_CLIENT))
		return fi_http2_settings(w, FI_H2_LEN(f));
	if (w->start)
		return FI_NO;
	return fi_http2_chain(w, f);
}

#ifdef FI_HOST
#include "h2labels.h"

FI_LABELS(http2)
{
	return fi_web_labels(t, out, 0);
}
#endif
