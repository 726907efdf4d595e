/* SPDX-License-Identifier: Apache-2.0 */
/* Labels: facts read from the payload (host names, paths, question names). User space only: samples
 * of the first bytes reach it through the ring buffer, or replay hands them over directly.
 * Label bytes are hostile: whoever shows them escapes them. */
#ifndef FI_LABELS_H
#define FI_LABELS_H

#include "sig.h"

/* X(id, C name, public name, comment). Ids are never reused. tools/gen-protocols.ts reads this. */
#define FI_LABEL_TABLE(X)                                                                          \
	X(1, HTTP_HOST, "http.host", "Host or :authority of the first request")                    \
	X(2, HTTP_METHOD, "http.request.method", "method of the first request")                    \
	X(3, HTTP_PATH, "url.path", "path of the first request, without the query")                \
	X(4, HTTP_CONTENT_TYPE, "http.content_type", "Content-Type of the first message with one") \
	X(5, HTTP_STATUS, "http.response.status_code", "status of the first response")             \
	X(6, HTTP_USER_AGENT, "user_agent.original", "User-Agent of the first request")            \
	X(7, TLS_SNI, "tls.sni", "server name of the ClientHello")                                 \
	X(8, TLS_ALPN, "tls.alpn", "protocols the client offers, comma-separated")                 \
	X(9, TLS_NEXT, "tls.next_protocol", "protocol chosen by the server, where it is readable") \
	X(10, TLS_VERSION, "tls.protocol.version", "highest version offered, or the one chosen")   \
	X(11, DNS_NAME, "dns.question.name", "name of the first question")                         \
	X(12, DNS_TYPE, "dns.question.type", "record type of the first question")                  \
	X(13, DNS_RCODE, "dns.response_code", "response code of the first answer")                 \
	X(14, RPC_SERVICE, "rpc.service", "gRPC service, as package.Service")                      \
	X(15, RPC_METHOD, "rpc.method", "gRPC method")                                             \
	X(16, WS_SUBPROTOCOL, "websocket.subprotocol", "Sec-WebSocket-Protocol, the one chosen")   \
	X(17, SSH_CLIENT, "ssh.client.software", "identification string of the client")            \
	X(18, SSH_SERVER, "ssh.server.software", "identification string of the server")            \
	X(19, QUIC_VERSION, "quic.version", "version of the first Initial packet")                 \
	X(20, DB_NAME, "db.namespace", "database asked for at login")                              \
	X(21, DB_USER, "db.user", "user that logs in")                                             \
	X(22, SERVER_VERSION, "server.version", "version that the server announces")               \
	X(23, HTTP_SERVER, "http.server", "Server header of the first response")                   \
	X(24, DB_COMMAND, "db.operation.name", "first command")                                    \
	X(25, PROXY_SOURCE, "proxy.source", "original source that a PROXY header names")           \
	X(26, PROXY_DESTINATION, "proxy.destination", "original destination of a PROXY header")    \
	X(27, TUNNEL_TARGET, "tunnel.target", "host:port that CONNECT or SOCKS asks for")          \
	X(28, HTTP_API, "http.api", "API style over HTTP: graphql, json-rpc, otlp, …")             \
	X(40, SIP_METHOD, "sip.method", "method of the first SIP request")                         \
	X(41, SSDP_TARGET, "ssdp.target", "ST or NT: what is searched for or announced")

enum fi_label_id {
#define FI_LABEL_ENUM(id, name, text, help) FI_L_##name = id,
	FI_LABEL_TABLE(FI_LABEL_ENUM)
#undef FI_LABEL_ENUM
};

#ifdef FI_HOST
#include <stdio.h>
#include <string.h>

/* Bytes of one end, from the start of the layer that the label function belongs to. */
struct fi_text {
	const __u8 *data;
	__u32 len;
	__u8 who; /* enum fi_who: which part this end plays (never FI_EITHER) */
	__u8 whole; /* 1 = one datagram */
	__u8 l4;
	__u8 last; /* 1 = no more bytes will come */
};

/* Labels found, packed: u16 id, u16 length, bytes. The first value of an id stays. */
struct fi_labels {
	__u32 used;
	__u32 lost; /* labels that did not fit */
	__u8 bytes[2032];
};

static inline int fi_label_has(const struct fi_labels *l, __u16 id)
{
	for (__u32 i = 0; i + 4 <= l->used;) {
		__u16 have, n;
		memcpy(&have, l->bytes + i, 2);
		memcpy(&n, l->bytes + i + 2, 2);
		if (have == id)
			return 1;
		i += 4 + n;
	}
	return 0;
}

/* Adds a label unless it is there already. Values are cut at 255 bytes. */
static inline void fi_label(struct fi_labels *l, __u16 id, const void *value, __u32 len)
{
	__u16 n = len > 255 ? 255 : len;

	if (fi_label_has(l, id))
		return;
	if (l->used + 4 + n > sizeof(l->bytes)) {
		l->lost++;
		return;
	}
	memcpy(l->bytes + l->used, &id, 2);
	memcpy(l->bytes + l->used + 2, &n, 2);
	memcpy(l->bytes + l->used + 4, value, n);
	l->used += 4 + n;
}

static inline void fi_label_str(struct fi_labels *l, __u16 id, const char *s)
{
	fi_label(l, id, s, strlen(s));
}

/* First byte c at or after off, or NULL. */
static inline const __u8 *fi_text_find(const struct fi_text *t, __u32 off, __u8 c)
{
	return off < t->len ? (const __u8 *)memchr(t->data + off, c, t->len - off) : 0;
}

/* Reads labels from the bytes of one end. Called again with more bytes until it returns 1 (nothing more to be
 * had from this end) or the caller's limit (8 KiB) is reached. Must accept any bytes. */
#define FI_LABELS(name) static int fi_labels_##name(const struct fi_text *t, struct fi_labels *out)
#endif

#endif
