/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket, RFC 6455: an HTTP/1.1 request asks for it, the reply 101 with `Upgrade: websocket` settles it; until then
 * the connection is HTTP, so the request alone is weak. Over HTTP/2 (RFC 8441) it is an extended CONNECT with
 * :protocol websocket. Frames joined mid-stream have at most two bytes that say anything: not claimed. */
#include "http1.h"
#include "h2wire.h"

FI_PROTO(websocket, 7, 11, FI_TCP, "WebSocket", FI_PORTS(), FI_THEN());

/* FI_SIGNATURES 1 "upgrade request" 2 "reply 101" 3 "extended CONNECT over HTTP/2" */

fi_inline fi_answer fi_websocket_http1(const struct fi_win *w, int request)
{
	fi_answer line = fi_sig_http1(w);
	int want = request ? FI_H_WEBSOCKET | FI_H_WS_KEY : FI_H_WEBSOCKET, fields;

	if (FI_ANSWER_KIND(line) != 2)
		return line;
	if (FI_ANSWER_GRADE(line) != FI_STRONG)
		return FI_NO;
	if (!request && !fi_is(w, 8, " 101"))
		return FI_NO;
	fields = fi_headers(w, 0);
	if ((fields & want) == want)
		return FI_OVER(request ? FI_HIT(FI_WEAK, FI_CLIENT, 1, 0)
				       : FI_HIT(FI_STRONG, FI_SERVER, 2, 0),
			       FI_P_HTTP1);
	return fields & FI_H_END ? FI_NO : fi_wait(w);
}

FI_SIG(websocket)
{
	FI_CHECK(w);
	enum fi_fit get = fi_fit(w, 0, "GET /"), reply = fi_fit(w, 0, "HTTP/1.");
	__u64 h2;

	if (get == FI_FIT_YES || reply == FI_FIT_YES)
		return fi_websocket_http1(w, get == FI_FIT_YES);
	if ((get | reply) == FI_FIT_MORE && fi_open(w))
		return FI_MORE;
	h2 = fi_h2_first(w);
	if (FI_H2_KIND(h2) != FI_H2_OK)
		return FI_H2_KIND(h2) == FI_H2_MORE ? fi_wait(w) : FI_NO;
	if (!(FI_H2_FACTS(h2) & FI_F2_WEBSOCKET))
		return FI_NO;
	return FI_OVER(FI_HIT(FI_STRONG, FI_CLIENT, 3, FI_H2_OFF(h2)), FI_P_HTTP2);
}

#ifdef FI_HOST
#include "h2labels.h"

/* The request's labels as for http1; of the reply also the subprotocol that the server chose. */
FI_LABELS(websocket)
{
	struct fi_http_message m;

	if (!fi_text_is_http1(t))
		return fi_web_labels(t, out, 0);
	if (!fi_http_read(t, 0, &m))
		return 0;
	fi_http_labels(&m, out);
	if (t->who == FI_SERVER && m.ws_protocol.len)
		fi_label(out, FI_L_WS_SUBPROTOCOL, m.ws_protocol.data, m.ws_protocol.len);
	return 1;
}
#endif
