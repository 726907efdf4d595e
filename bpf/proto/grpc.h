/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC: HTTP/2 whose first request or reply is of content type application/grpc. Later requests name it by an index
 * into HPACK's dynamic table, which cannot be resolved when joined mid-stream: then a POST or a reply whose body begins
 * with gRPC's message prefix (flag, length) that fills the DATA frame is taken, at a lower grade. */
#include "h2wire.h"

FI_PROTO(grpc, 5, 11, FI_TCP, "gRPC", FI_PORTS(50051), FI_THEN());

/* FI_SIGNATURES 1 "content type application/grpc" 2 "HEADERS, then DATA that is one gRPC message" */

#define FI_GRPC_BETWEEN 3 /* WINDOW_UPDATE and the like that may stand between HEADERS and DATA */

/* The frame of DATA behind the HEADERS frame that ends at `at`: its offset, or where bytes are missing, or 0. */
FI_FN int fi_grpc_data(const struct fi_win *w, __u32 at)
{
	if (!w)
		return 0;
	FI_ROLLED
	for (__u32 i = 0; i <= FI_GRPC_BETWEEN; i++) {
		__u64 f = fi_h2_frame(w, at);

		if (at >= FI_WINDOW || FI_H2_KIND(f) == FI_H2_BAD)
			return 0;
		if (FI_H2_KIND(f) == FI_H2_MORE || FI_H2_TYPE(f) == FI_H2_DATA)
			return at;
		if (FI_H2_TYPE(f) != FI_H2_WINDOW_UPDATE && FI_H2_TYPE(f) != FI_H2_PING &&
		    FI_H2_TYPE(f) != FI_H2_SETTINGS)
			return 0;
		at += 9 + FI_H2_LEN(f);
	}
	return 0;
}

/* Mid-stream, nothing literal: HEADERS at `off`, then DATA of the same stream that is one message. */
fi_inline fi_answer fi_grpc_message(const struct fi_win *w, __u32 off, int facts)
{
	__u64 headers = fi_h2_frame(w, off);
	__u32 at;

	if (!(facts & (FI_F2_POST | FI_F2_STATUS)) || facts & FI_F2_TYPE || FI_H2_FLAGS(headers) & 0x01)
		return FI_NO; /* END_STREAM: no body */
	at = fi_grpc_data(w, off + 9 + FI_H2_LEN(headers));
	if (at == 0 || at + 14 > FI_WINDOW)
		return FI_NO;
	if (!fi_in(w, at, 14))
		return fi_wait(w);
	if (fi_be32(w, at + 5) != fi_be32(w, off + 5) || fi_at(w, at + 9) > 1)
		return FI_NO;
	if ((__u64)fi_be32(w, at + 10) + 5 != fi_be24(w, at))
		return FI_NO;
	return FI_OVER(FI_HIT(FI_FAIR, facts & FI_F2_STATUS ? FI_SERVER : FI_CLIENT, 2, at), FI_P_HTTP2);
}

FI_SIG(grpc)
{
	FI_CHECK(w);
	__u64 first = fi_h2_first(w);
	int facts = FI_H2_FACTS(first);

	if (FI_H2_KIND(first) != FI_H2_OK)
		return FI_H2_KIND(first) == FI_H2_MORE ? fi_wait(w) : FI_NO;
	if (facts & FI_F2_GRPC)
		return FI_OVER(FI_HIT(FI_STRONG, fi_h2_who(first), 1, FI_H2_OFF(first)), FI_P_HTTP2);
	if (w->start || facts & (FI_F2_GRPC_WEB | FI_F2_WEBSOCKET))
		return FI_NO;
	return fi_grpc_message(w, FI_H2_OFF(first), facts);
}

#ifdef FI_HOST
#include "h2labels.h"

FI_LABELS(grpc)
{
	return fi_web_labels(t, out, 1);
}
#endif
