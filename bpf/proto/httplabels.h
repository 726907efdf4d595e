/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of HTTP messages and of what is built like them (SIP, RTSP, SSDP): user space only. Over HTTP/2 the same
 * struct is filled from HPACK, so a label is made in one place. */
#ifndef FI_HTTPLABELS_H
#define FI_HTTPLABELS_H
#ifdef FI_HOST

#include "hpack.h"

struct fi_http_message {
	struct fi_slice method, target, status, host, content_type, user_agent, server, body;
	struct fi_slice ws_protocol; /* Sec-WebSocket-Protocol */
	struct fi_slice ssdp_target; /* ST or NT */
	__u8 complete;               /* all header fields were seen */
	__u8 remote_write;           /* X-Prometheus-Remote-Write-Version */
	__u8 soap;                   /* SOAPAction */
};

static inline int fi_slice_fold(struct fi_slice s, const char *lit, int prefix)
{
	__u32 n = strlen(lit);

	if (prefix ? s.len < n : s.len != n)
		return 0;
	for (__u32 i = 0; i < n; i++) {
		__u8 c = s.data[i];

		if ((c >= 'A' && c <= 'Z' ? c | 0x20 : c) != (__u8)lit[i])
			return 0;
	}
	return 1;
}
#define fi_slice_is(s, lit)     fi_slice_fold(s, lit, 0)
#define fi_slice_begins(s, lit) fi_slice_fold(s, lit, 1)

static inline int fi_slice_ends(struct fi_slice s, const char *lit)
{
	__u32 n = strlen(lit);

	return s.len >= n && !memcmp(s.data + s.len - n, lit, n);
}

static inline int fi_slice_has(struct fi_slice s, const char *lit)
{
	__u32 n = strlen(lit);

	for (__u32 i = 0; i + n <= s.len; i++)
		if (!memcmp(s.data + i, lit, n))
			return 1;
	return 0;
}

static inline void fi_label_slice(struct fi_labels *out, __u16 id, struct fi_slice s)
{
	if (s.len)
		fi_label(out, id, s.data, s.len);
}

static inline struct fi_slice fi_slice_of(const __u8 *from, const __u8 *to)
{
	while (from < to && (*from == ' ' || *from == '\t'))
		from++;
	while (from < to && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r'))
		to--;
	return (struct fi_slice){from, to - from};
}

/* One header field, by either HTTP version. The first value stays. */
static void fi_http_field(void *to, const struct fi_slice *name, const struct fi_slice *value)
{
	struct fi_http_message *m = to;
	const struct {
		const char *name;
		struct fi_slice *slot;
	} fields[] = {
		{"host", &m->host},
		{":authority", &m->host},
		{":method", &m->method},
		{":path", &m->target},
		{":status", &m->status},
		{"content-type", &m->content_type},
		{"user-agent", &m->user_agent},
		{"server", &m->server},
		{"sec-websocket-protocol", &m->ws_protocol},
		{"st", &m->ssdp_target},
		{"nt", &m->ssdp_target},
	};

	for (__u32 i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (fi_slice_is(*name, fields[i].name) && !fields[i].slot->len)
			*fields[i].slot = *value;
	m->remote_write |= fi_slice_is(*name, "x-prometheus-remote-write-version");
	m->soap |= fi_slice_is(*name, "soapaction");
}

/* `METHOD target version` or `version NNN reason`. */
static void fi_http_start(struct fi_http_message *m, const __u8 *from, const __u8 *to)
{
	const __u8 *a = from, *b;

	while (a < to && *a != ' ' && *a != '\t')
		a++;
	b = a;
	while (b < to && (*b == ' ' || *b == '\t'))
		b++;
	if (memchr(from, '/', a - from)) {
		m->status = (struct fi_slice){b, to - b < 3 ? 0 : 3};
		return;
	}
	m->method = (struct fi_slice){from, a - from};
	a = to; /* the version is what follows the last blank; HTTP/0.9 has none */
	while (a > b && *--a != ' ' && *a != '\t')
		;
	m->target = fi_slice_of(b, a > b ? a : to);
}

/* Reads the message at off: every line that is whole. 1 when all header fields were there, or nothing more comes. */
static int fi_http_read(const struct fi_text *t, __u32 off, struct fi_http_message *m)
{
	const __u8 *end = t->data + t->len, *p = t->data + off, *lf;
	int first = 1;

	memset(m, 0, sizeof(*m));
	while (p < end && (*p == '\r' || *p == '\n'))
		p++;
	while (p < end && (lf = memchr(p, '\n', end - p))) {
		const __u8 *stop = lf > p && lf[-1] == '\r' ? lf - 1 : lf, *colon;

		if (stop == p) {
			m->complete = 1;
			m->body = (struct fi_slice){lf + 1, end - lf - 1};
			break;
		}
		if (first) {
			fi_http_start(m, p, fi_slice_of(p, stop).data + fi_slice_of(p, stop).len);
		} else if ((colon = memchr(p, ':', stop - p))) {
			struct fi_slice name = {p, colon - p}, value = fi_slice_of(colon + 1, stop);

			fi_http_field(m, &name, &value);
		}
		first = 0;
		p = lf + 1;
	}
	return m->complete || t->last || t->whole;
}

/* Path of the target, without query; an absolute URI also names the host. */
static struct fi_slice fi_http_path(struct fi_http_message *m)
{
	struct fi_slice path = m->target;

	for (__u32 i = 0; i + 2 < path.len && path.data[0] != '/'; i++) {
		if (memcmp(path.data + i, "://", 3))
			continue;
		const __u8 *host = path.data + i + 3, *end = path.data + path.len, *p = host;

		while (p < end && *p != '/' && *p != '?')
			p++;
		m->host = (struct fi_slice){host, p - host};
		path = (struct fi_slice){p, end - p};
		break;
	}
	for (__u32 i = 0; i < path.len; i++)
		if (path.data[i] == '?' || path.data[i] == '#')
			path.len = i;
	return path;
}

/* API style, only where path, content type or a header field leave no doubt. */
static const char *fi_http_api(const struct fi_http_message *m, struct fi_slice path)
{
	struct fi_slice type = m->content_type, body = m->body;
	int post = fi_slice_is(m->method, "post"), json = fi_slice_begins(type, "application/json");

	if (fi_slice_begins(type, "application/dns-message"))
		return "dns-over-https";
	if (fi_slice_begins(type, "application/graphql") || (post && json && fi_slice_ends(path, "/graphql")))
		return "graphql";
	if (body.len > 256)
		body.len = 256;
	if (fi_slice_begins(type, "application/json-rpc") ||
	    (post && json && fi_slice_has(body, "\"jsonrpc\"")))
		return "json-rpc";
	if (post && (json || fi_slice_begins(type, "application/x-protobuf")) &&
	    (fi_slice_ends(path, "/v1/traces") || fi_slice_ends(path, "/v1/metrics") ||
	     fi_slice_ends(path, "/v1/logs")))
		return "otlp";
	if (post && m->remote_write && fi_slice_begins(type, "application/x-protobuf"))
		return "prometheus-remote-write";
	if (post && fi_slice_ends(path, "/loki/api/v1/push"))
		return "loki-push";
	if (fi_slice_begins(type, "application/soap+xml") || (post && m->soap))
		return "soap";
	if (fi_slice_begins(type, "text/event-stream"))
		return "server-sent-events";
	if (fi_slice_begins(type, "application/x-git-") || fi_slice_ends(path, "/git-upload-pack"))
		return "git";
	return 0;
}

static void fi_http_labels(struct fi_http_message *m, struct fi_labels *out)
{
	const char *api;

	fi_label_slice(out, FI_L_HTTP_METHOD, m->method);
	if (fi_slice_is(m->method, "connect") &&
	    !(m->target.len && m->target.data[0] == '/')) { /* RFC 8441 has a path */
		fi_label_slice(out, FI_L_TUNNEL_TARGET, m->target.len ? m->target : m->host);
	} else {
		struct fi_slice path = fi_http_path(m);

		fi_label_slice(out, FI_L_HTTP_PATH, path);
		api = m->complete ? fi_http_api(m, path) : 0;
		if (api)
			fi_label_str(out, FI_L_HTTP_API, api);
	}
	fi_label_slice(out, FI_L_HTTP_HOST, m->host);
	fi_label_slice(out, FI_L_HTTP_STATUS, m->status);
	fi_label_slice(out, FI_L_HTTP_CONTENT_TYPE, m->content_type);
	fi_label_slice(out, FI_L_HTTP_USER_AGENT, m->user_agent);
	fi_label_slice(out, FI_L_HTTP_SERVER, m->server);
}

#endif
#endif
