/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC-Web: gRPC for browsers, carried in the bodies of plain HTTP. What tells it from other HTTP is the content type
 * application/grpc-web, -text, +proto or +json, in the request and in the reply. It lies over HTTP/1.x or over HTTP/2,
 * where the header is looked for in the first HEADERS frame. */
#include "http1.h"
#include "h2wire.h"

FI_PROTO(grpc_web, 6, 11, FI_TCP, "gRPC-Web", FI_PORTS(), FI_THEN());

/* FI_SIGNATURES 1 "POST with content type application/grpc-web" 2 "reply of content type application/grpc-web"
 *               3 "HTTP/2 HEADERS with content type application/grpc-web" */

fi_inline fi_answer fi_grpc_web_http1(const struct fi_win *w, int request)
{
	fi_answer line = fi_sig_http1(w);
	int fields;

	if (FI_ANSWER_KIND(line) != 2)
		return line;
	if (FI_ANSWER_GRADE(line) !=
	    FI_STRONG) /* the parent's grade would outrank ours, or there is no line end */
		return FI_NO;
	fields = fi_headers(w, 0);
	if (fields & FI_H_GRPC_WEB)
		return FI_OVER(FI_HIT(FI_STRONG, request ? FI_CLIENT : FI_SERVER, request ? 1 : 2, 0),
			       FI_P_HTTP1);
	return fields & FI_H_END ? FI_NO : fi_wait(w);
}

FI_SIG(grpc_web)
{
	FI_CHECK(w);
	enum fi_fit post = fi_fit(w, 0, "POST /"), reply = fi_fit(w, 0, "HTTP/1.");
	__u64 h2;

	if (post == FI_FIT_YES || reply == FI_FIT_YES)
		return fi_grpc_web_http1(w, post == FI_FIT_YES);
	if ((post | reply) == FI_FIT_MORE && fi_open(w))
		return FI_MORE;
	h2 = fi_h2_first(w);
	if (FI_H2_KIND(h2) != FI_H2_OK)
		return FI_H2_KIND(h2) == FI_H2_MORE ? fi_wait(w) : FI_NO;
	if (!(FI_H2_FACTS(h2) & FI_F2_GRPC_WEB))
		return FI_NO;
	return FI_OVER(FI_HIT(FI_STRONG, fi_h2_who(h2), 3, FI_H2_OFF(h2)), FI_P_HTTP2);
}

#ifdef FI_HOST
#include "h2labels.h"

FI_LABELS(grpc_web)
{
	return fi_web_labels(t, out, 1);
}
#endif
