/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.x, RFC 9112: `METHOD SP target SP HTTP/1.x` and `HTTP/1.x SP NNN`. SIP, RTSP, ICAP and SSDP have the same
 * shape: the version at the end of the request line tells them apart, so that end is awaited. Joined mid-stream,
 * the next message that begins with a segment is recognised; bodies are not. */
#ifndef FI_HTTP1_H
#define FI_HTTP1_H

#include "httptext.h"

FI_PROTO(http1, 2, 30, FI_TCP, "HTTP/1.x", FI_PORTS(80, 8080, 8000, 8888, 3128),
	 FI_THEN(websocket, http2, grpc, grpc_web, tls, ssh));

/* FI_SIGNATURES 1 "request line" 2 "CONNECT request line" 3 "status line" 4 "unusual status line"
 *               5 "unusual request line" 6 "start of a long request line" 7 "HTTP/0.9 request" */

/* `HTTP/1.1 200 `. Servers also send two blanks, a tab, lower case, another version: those are FAIR. */
FI_FN __u64 fi_http1_status(const struct fi_win *w, __u32 s)
{
	if (!w)
		return FI_NO;
	__u32 code = s + 9 + fi_blank(fi_at(w, s + 9));
	__u8 last;

	if (w->len < s + 14)
		return fi_wait(w);
	if (!fi_digit(fi_at(w, s + 5)) || fi_at(w, s + 6) != '.' || !fi_digit(fi_at(w, s + 7)))
		return FI_NO;
	if (!fi_blank(fi_at(w, s + 8)) || !fi_status(w, code))
		return FI_NO;
	last = fi_at(w, s + 12);
	if (fi_is(w, s, "HTTP/1.") && fi_at(w, s + 8) == ' ' && code == s + 9 &&
	    (last == ' ' || last == '\r' || last == '\n'))
		return FI_HIT(FI_STRONG, FI_SERVER, 3, s);
	return FI_HIT(FI_FAIR, FI_SERVER, 4, s);
}

/* Does the target at t look like one? `/path`, `*`, `scheme://`; anything for CONNECT. */
FI_FN int fi_http1_target(const struct fi_win *w, __u32 t, int connect)
{
	if (!w)
		return FI_FIT_NO;
	__u8 c = fi_at(w, t);
	__u32 n = 0, still = 1;

	if (t >= w->len)
		return FI_FIT_MORE;
	if (c == '/' || c == '*')
		return FI_FIT_YES;
	if (connect)
		return fi_print(c) && c != ' ' ? FI_FIT_YES : FI_FIT_NO;
	FI_ROLLED
	for (__u32 i = 0; i < 10; i++) {
		still &= fi_bit_range(fi_at(w, t + i) | 0x20, 'a', 26);
		n += still;
	}
	return n == 0 ? FI_FIT_NO : t + n >= w->len ? FI_FIT_MORE : fi_fit(w, t + n, "://");
}

/* Methods that are taken without the end of the line, before `/` or `http://`. */
FI_FN int fi_http1_known(const struct fi_win *w, __u32 s, __u32 t)
{
	if (!w)
		return 0;
	__u64 m = fi_be64(w, s);
	int known = m >> 32 == FI_CHARS(0, 0, 0, 0, 'G', 'E', 'T', ' ') ||
		    m >> 32 == FI_CHARS(0, 0, 0, 0, 'P', 'U', 'T', ' ') ||
		    m >> 24 == FI_CHARS(0, 0, 0, 'P', 'O', 'S', 'T', ' ') ||
		    m >> 24 == FI_CHARS(0, 0, 0, 'H', 'E', 'A', 'D', ' ') ||
		    m >> 16 == FI_CHARS(0, 0, 'P', 'A', 'T', 'C', 'H', ' ') ||
		    m >> 16 == FI_CHARS(0, 0, 'Q', 'U', 'E', 'R', 'Y', ' ') ||
		    m >> 8 == FI_CHARS(0, 'D', 'E', 'L', 'E', 'T', 'E', ' ') ||
		    m >> 8 == FI_CHARS(0, 'R', 'E', 'P', 'O', 'R', 'T', ' ') ||
		    m == FI_CHARS('O', 'P', 'T', 'I', 'O', 'N', 'S', ' ') ||
		    m == FI_CHARS('P', 'R', 'O', 'P', 'F', 'I', 'N', 'D');

	return known && (fi_at(w, t) == '/' || fi_is(w, t, "http"));
}

/* `GET /path CR LF`, nothing else on the line. The answer to it has no form at all. */
fi_inline fi_answer fi_http1_simple(const struct fi_win *w, __u32 s, __u32 end)
{
	if (!w->start || !fi_is(w, s, "GET /") || !fi_visible(w, s + 4, end))
		return FI_NO;
	return FI_HIT(fi_port(w, 80) || fi_port(w, 8080) ? FI_FAIR : FI_WEAK, FI_CLIENT, 7, s);
}

fi_inline fi_answer fi_http1_request(const struct fi_win *w, __u32 s)
{
	__u32 method = fi_method(w, s), n = method & 0xff, t = s + n + 1;
	int connect = fi_is(w, s, "CONNECT "), odd = method >> 8;
	int fit;

	if (n == 0)
		return FI_NO;
	if (n == FI_METHOD_MAX)
		return fi_wait(w);
	if (fi_blank(fi_at(w, t))) {
		odd = 1;
		t++;
	}
	fit = fi_http1_target(w, t, connect);
	if (fit != FI_FIT_YES)
		return fit == FI_FIT_NO ? FI_NO : fi_wait(w);

	__u32 lf = fi_line_end(w, t);

	if (lf >= FI_WINDOW) {
		if (fi_open(w))
			return FI_MORE;
		return fi_http1_known(w, s, t) ? FI_HIT(FI_FAIR, FI_CLIENT, 6, s) : FI_NO;
	}

	__u32 end = fi_line_trim(w, lf);

	if (end >= t + 10 && fi_fit_nocase(w, end - 8, "http/") == FI_FIT_YES &&
	    fi_blank(fi_at(w, end - 9)) && fi_range(fi_at(w, end - 3), '0', '1') &&
	    fi_at(w, end - 2) == '.' && fi_digit(fi_at(w, end - 1))) {
		odd |= !fi_is(w, end - 8, "HTTP/1") || fi_at(w, end - 9) != ' ' || fi_at(w, s + n) != ' ';
		if (odd)
			return FI_HIT(FI_FAIR, FI_CLIENT, 5, s);
		return FI_HIT(FI_STRONG, FI_CLIENT, connect ? 2 : 1, s);
	}
	return fi_http1_simple(w, s, end);
}

FI_SIG(http1)
{
	FI_CHECK(w);
	__u32 s = fi_line_skip(w);
	enum fi_fit fit;

	if (s >= w->len)
		return fi_wait(w);
	fit = fi_fit_nocase(w, s, "http/");
	if (fit == FI_FIT_YES)
		return fi_http1_status(w, s);
	if (fit == FI_FIT_MORE && fi_open(w))
		return FI_MORE;
	return fi_http1_request(w, s);
}

#ifdef FI_HOST
#include "httplabels.h"

/* The first request or response of this end. */
FI_LABELS(http1)
{
	struct fi_http_message m;
	int done = fi_http_read(t, 0, &m);

	if (done)
		fi_http_labels(&m, out);
	return done;
}
#endif
#endif
