/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of ClientHello and ServerHello (RFC 8446 §4.1), which TLS, DTLS and QUIC share. User space only. Input is
 * hostile and may be cut: each length is held against what is there. */
#ifndef FI_HELLO_H
#define FI_HELLO_H

#include "../sig.h"
#ifdef FI_HOST

#include "../labels.h"

#define FI_HELLO_MAX 16384 /* a hello with post-quantum shares needs 2 KiB, one with many tickets 8 KiB */
#define FI_HELLO_EXTENSIONS 128

/* Values that a client mixes in so that servers learn to ignore them, RFC 8701: 0a0a, 1a1a, … */
static inline int fi_hello_grease(__u32 v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* "1.3" as OpenTelemetry has it: the number alone; SSL 3.0 and 2.0 are "3" and "2". */
static inline void fi_hello_version(struct fi_labels *out, __u32 version)
{
	static const char *const known[] = { "3", "1.0", "1.1", "1.2", "1.3" };

	if (version >= 0x300 && version <= 0x304)
		fi_label_str(out, FI_L_TLS_VERSION, known[version - 0x300]);
	else if (version == 2)
		fi_label_str(out, FI_L_TLS_VERSION, "2");
	else if (version == 0xfeff || version == 0xfefd || version == 0xfefc) /* DTLS 1.0 is TLS 1.1 over datagrams */
		fi_label_str(out, FI_L_TLS_VERSION, version == 0xfeff ? "1.0" : version == 0xfefd ? "1.2" : "1.3");
}

/* server_name, RFC 6066 §3: the first name of type host_name. */
static inline void fi_hello_name(const __u8 *p, __u32 n, struct fi_labels *out)
{
	if (n < 5 || p[2] != 0)
		return;
	__u32 len = p[3] << 8 | p[4];

	if (len && len <= n - 5)
		fi_label(out, FI_L_TLS_SNI, p + 5, len);
}

/* ALPN, RFC 7301 §3.1: names, each with its length, behind the length of the list; joined with commas. */
static inline void fi_hello_alpn(const __u8 *p, __u32 n, __u16 label, struct fi_labels *out)
{
	__u8 text[255];
	__u32 used = 0;

	for (__u32 at = 2; at < n;) {
		__u32 len = p[at++];

		if (len == 0 || len > n - at)
			break;
		if (!(len == 2 && fi_hello_grease(p[at] << 8 | p[at + 1]))) {
			if (used + len + 1 > sizeof(text))
				break;
			if (used)
				text[used++] = ',';
			memcpy(text + used, p + at, len);
			used += len;
		}
		at += len;
	}
	if (used)
		fi_label(out, label, text, used);
}

/* supported_versions of a client, RFC 8446 §4.2.1: the highest of them. DTLS counts down. */
static inline __u32 fi_hello_highest(const __u8 *p, __u32 n, __u32 best)
{
	for (__u32 at = 1; at + 2 <= n; at += 2) {
		__u32 v = p[at] << 8 | p[at + 1];

		if (fi_hello_grease(v))
			continue;
		if (v >> 8 == 0xfe ? v < best : v >= 0x300 && v <= 0x304 && v > best)
			best = v;
	}
	return best;
}

/* Extensions of either hello in p[0..n), behind their common length. */
static inline void fi_hello_extensions(const __u8 *p, __u32 n, int server, __u32 version, struct fi_labels *out)
{
	__u32 at = 2;

	for (__u32 i = 0; at + 4 <= n && i < FI_HELLO_EXTENSIONS; i++) {
		__u32 type = p[at] << 8 | p[at + 1], len = p[at + 2] << 8 | p[at + 3];

		at += 4;
		if (len > n - at)
			break;
		if (type == 0 && !server)
			fi_hello_name(p + at, len, out);
		else if (type == 16)
			fi_hello_alpn(p + at, len, server ? FI_L_TLS_NEXT : FI_L_TLS_ALPN, out);
		else if (type == 43)
			version = server ? (len == 2 ? (__u32)(p[at] << 8 | p[at + 1]) : version) : fi_hello_highest(p + at, len, version);
		at += len;
	}
	fi_hello_version(out, version);
}

/* p: the handshake message with its header of four bytes, as far as it is there. cookie: DTLS has one. */
static inline void fi_hello_client(const __u8 *p, __u32 n, int cookie, struct fi_labels *out)
{
	__u32 at = 38, version, step;

	if (n < 39)
		return;
	version = p[4] << 8 | p[5];
	at += 1 + p[at]; /* session id */
	if (cookie) {
		if (at >= n)
			return;
		at += 1 + p[at];
	}
	if (at + 2 > n) {
		fi_hello_version(out, version);
		return;
	}
	step = p[at] << 8 | p[at + 1]; /* cipher suites */
	at += 2 + step;
	if (at < n)
		at += 1 + p[at]; /* compression methods */
	if (at + 2 <= n)
		fi_hello_extensions(p + at, n - at, 0, version, out);
	else
		fi_hello_version(out, version);
}

static inline void fi_labels_client_hello(const __u8 *p, __u32 n, struct fi_labels *out)
{
	fi_hello_client(p, n, 0, out);
}

/* As above for a ServerHello: version, random, session id, one cipher suite, one compression method, extensions. */
static inline void fi_labels_server_hello(const __u8 *p, __u32 n, struct fi_labels *out)
{
	__u32 at = 38;

	if (n < 39)
		return;
	at += 1 + p[at] + 3;
	if (at + 2 <= n)
		fi_hello_extensions(p + at, n - at, 1, p[4] << 8 | p[5], out);
	else
		fi_hello_version(out, p[4] << 8 | p[5]);
}

#endif
#endif
