/* SPDX-License-Identifier: Apache-2.0 */
/* Labels over HTTP/2, for http2, grpc, grpc-web and websocket: the first request or final reply of an end, user space only. */
#ifndef FI_H2LABELS_H
#define FI_H2LABELS_H
#ifdef FI_HOST

#include "h2wire.h"
#include <stdlib.h>
#include "httplabels.h"

struct fi_h2_reader {
	struct fi_hpack hpack;
	__u32 used;
	__u8 block[8192]; /* one header block: HEADERS and its CONTINUATION frames */
};

static void fi_h2_ignore(void *to, const struct fi_slice *name, const struct fi_slice *value)
{
	(void)to, (void)name, (void)value;
}

/* Appends the block fragment of a frame's payload, without padding and priority. 0 or -1. */
static int fi_h2_gather(struct fi_h2_reader *r, const __u8 *p, __u32 have, __u32 len, __u8 type, __u8 flags)
{
	__u32 pad = 0, skip = 0;

	if (type != FI_H2_CONTINUATION && flags & 0x08) {
		pad = have ? p[0] : 0;
		skip = 1;
	}
	if (type == FI_H2_HEADERS && flags & 0x20)
		skip += 5;
	if (type == FI_H2_PUSH_PROMISE)
		skip += 4;
	if (skip + pad > len)
		return -1;
	if (have > len - pad)
		have = len - pad;
	if (have <= skip)
		return 0;
	if (have - skip > sizeof(r->block) - r->used)
		return -1;
	memcpy(r->block + r->used, p + skip, have - skip);
	r->used += have - skip;
	return 0;
}

/* Reads frames from off until the first request or reply that is not informational: 1 = done or no use to go on. */
static int fi_h2_read(struct fi_h2_reader *r, const struct fi_text *t, __u32 off, struct fi_http_message *m)
{
	int push = 0;

	while (off + 9 <= t->len) {
		const __u8 *p = t->data + off;
		__u32 len = (__u32)p[0] << 16 | p[1] << 8 | p[2], have = t->len - off - 9;
		__u8 type = p[3], flags = p[4];

		if (type != FI_H2_DATA && len > FI_H2_FRAME_MAX)
			return 1;
		if (type == FI_H2_HEADERS || type == FI_H2_PUSH_PROMISE) {
			r->used = 0;
			push = type == FI_H2_PUSH_PROMISE;
		}
		if (type == FI_H2_HEADERS || type == FI_H2_PUSH_PROMISE || type == FI_H2_CONTINUATION) {
			int cut = have < len;

			if (fi_h2_gather(r, p + 9, cut ? have : len, len, type, flags))
				return 1;
			if (cut || flags & 0x04) { /* END_HEADERS, or all that is there for now */
				int bad = fi_hpack_decode(&r->hpack, r->block, r->used,
							  push ? fi_h2_ignore : fi_http_field, m);

				if (cut)
					return t->last;
				m->complete = !push;
				if (bad || (!push && !(m->status.len == 3 && m->status.data[0] == '1')))
					return 1;
				memset(m, 0, sizeof(*m)); /* 1xx: the reply proper follows */
				r->used = 0;
			}
		}
		off += 9 + len;
	}
	return t->last;
}

/* `/package.Service/Method` */
static void fi_rpc_labels(struct fi_http_message *m, struct fi_labels *out)
{
	struct fi_slice path = fi_http_path(m);
	const __u8 *end, *slash;

	if (path.len < 4 || path.data[0] != '/')
		return;
	end = slash = path.data + path.len;
	while (slash > path.data && slash[-1] != '/')
		slash--;
	if (slash - path.data < 3 || slash == end)
		return;
	fi_label(out, FI_L_RPC_SERVICE, path.data + 1, slash - path.data - 2);
	fi_label(out, FI_L_RPC_METHOD, slash, end - slash);
}

/* Text of HTTP/1.x: a request or status line, not the preface and no frame. */
static int fi_text_is_http1(const struct fi_text *t)
{
	__u32 n = t->len < 4 ? t->len : 4;

	if (n == 0 || !memcmp(t->data, FI_H2_PREFACE, n))
		return 0;
	return t->data[0] == '\r' || t->data[0] == '\n' || (t->data[0] >= 'A' && t->data[0] <= 'z');
}

/* Offset of the first frame: behind the preface, or behind a reply 101 to an upgrade; 0 = neither. */
static __u32 fi_h2_begin(const struct fi_text *t)
{
	if (t->len >= FI_H2_PREFACE_LEN && !memcmp(t->data, FI_H2_PREFACE, FI_H2_PREFACE_LEN))
		return FI_H2_PREFACE_LEN;
	if (t->len < 12 || memcmp(t->data, "HTTP/1.1 101", 12))
		return 0;
	for (__u32 i = 12; i + 4 <= t->len; i++)
		if (!memcmp(t->data + i, "\r\n\r\n", 4))
			return i + 4;
	return t->len;
}

/* Labels of this end, whatever version of HTTP carries it. rpc: the path names a service and a method. */
static int fi_web_labels(const struct fi_text *t, struct fi_labels *out, int rpc)
{
	struct fi_http_message m;
	struct fi_h2_reader *r = 0;
	__u32 begin = fi_h2_begin(t);
	int done;

	memset(&m, 0, sizeof(m));
	if (!begin && fi_text_is_http1(t)) {
		done = fi_http_read(t, 0, &m);
	} else {
		r = calloc(1, sizeof(*r));
		if (!r)
			return 1;
		done = fi_h2_read(r, t, begin, &m);
	}
	if (rpc && m.method.len)
		fi_rpc_labels(&m, out);
	fi_http_labels(&m, out);
	if (t->who == FI_SERVER && m.ws_protocol.len) /* RFC 8441: the subprotocol that the server chose */
		fi_label(out, FI_L_WS_SUBPROTOCOL, m.ws_protocol.data, m.ws_protocol.len);
	free(r);
	return done;
}

#endif
#endif
