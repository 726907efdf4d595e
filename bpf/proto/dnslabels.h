/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of a DNS message: question and response code. For DNS and its relatives; user space only. */
#ifndef FI_DNSLABELS_H
#define FI_DNSLABELS_H

#include "dnswire.h"
#ifdef FI_HOST

#include <stdio.h>

#include "../labels.h"

#define FI_DNS_WALK 64 /* records walked in search of OPT, for the upper bits of the response code */

static inline const char *fi_dns_type_text(__u32 type)
{
	static const struct {
		__u16 type;
		char text[12];
	} known[] = {
		{ 1, "A" }, { 2, "NS" }, { 5, "CNAME" }, { 6, "SOA" }, { 10, "NULL" }, { 11, "WKS" }, { 12, "PTR" }, { 13, "HINFO" },
		{ 15, "MX" }, { 16, "TXT" }, { 17, "RP" }, { 18, "AFSDB" }, { 24, "SIG" }, { 25, "KEY" }, { 28, "AAAA" }, { 29, "LOC" },
		{ 33, "SRV" }, { 35, "NAPTR" }, { 36, "KX" }, { 37, "CERT" }, { 38, "A6" }, { 39, "DNAME" }, { 41, "OPT" }, { 42, "APL" },
		{ 43, "DS" }, { 44, "SSHFP" }, { 45, "IPSECKEY" }, { 46, "RRSIG" }, { 47, "NSEC" }, { 48, "DNSKEY" }, { 49, "DHCID" },
		{ 50, "NSEC3" }, { 51, "NSEC3PARAM" }, { 52, "TLSA" }, { 53, "SMIMEA" }, { 55, "HIP" }, { 59, "CDS" }, { 60, "CDNSKEY" },
		{ 61, "OPENPGPKEY" }, { 62, "CSYNC" }, { 63, "ZONEMD" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 99, "SPF" }, { 108, "EUI48" },
		{ 109, "EUI64" }, { 249, "TKEY" }, { 250, "TSIG" }, { 251, "IXFR" }, { 252, "AXFR" }, { 255, "ANY" }, { 256, "URI" },
		{ 257, "CAA" }, { 32768, "TA" }, { 32769, "DLV" },
	};

	for (__u32 i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			return known[i].text;
	return 0;
}

static inline const char *fi_dns_code_text(__u32 code)
{
	static const char *const known[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE",  "DSOTYPENI" };

	if (code < sizeof(known) / sizeof(known[0]))
		return known[code];
	return code == 16 ? "BADVERS" : code == 23 ? "BADCOOKIE" : 0;
}

/* Offset behind the name at `at`, or 0 when it does not end within n bytes. */
static inline __u32 fi_dns_skip(const __u8 *p, __u32 n, __u32 at)
{
	while (at < n) {
		__u8 c = p[at];

		if (c >= 0xc0)
			return at + 2 <= n ? at + 2 : 0;
		if (c >= 0x40)
			return 0;
		at += c + 1;
		if (c == 0)
			return at <= n ? at : 0;
	}
	return 0;
}

/* The name at `at` in presentation form (RFC 1035 §5.1: a dot or backslash inside a label gets a backslash, what is
 * not printable becomes three digits), without the last dot. Length written to out (1024 bytes are enough for any). */
static inline __u32 fi_dns_text(const __u8 *p, __u32 n, __u32 at, char *out)
{
	__u32 used = 0;

	while (at < n && p[at] && p[at] < 0x40 && at + 1 + p[at] <= n && used + 4 * 63 + 2 < 1280) {
		__u32 len = p[at++];

		if (used)
			out[used++] = '.';
		for (; len; len--, at++) {
			__u8 c = p[at];

			if (c <= 0x20 || c > 0x7e) {
				used += sprintf(out + used, "\\%03u", c);
				continue;
			}
			if (c == '.' || c == '\\')
				out[used++] = '\\';
			out[used++] = c;
		}
	}
	if (!used)
		out[used++] = '.';
	return used;
}

/* Upper eight bits of the response code, from the OPT record (RFC 6891 §6.1.3). */
static inline __u32 fi_dns_extended(const __u8 *p, __u32 n, __u32 at)
{
	__u32 records = (p[6] << 8 | p[7]) + (p[8] << 8 | p[9]) + (p[10] << 8 | p[11]);

	for (__u32 i = 0; i < records && i < FI_DNS_WALK; i++) {
		at = fi_dns_skip(p, n, at);
		if (!at || at + 10 > n)
			return 0;
		if ((p[at] << 8 | p[at + 1]) == 41)
			return p[at + 4];
		at += 10 + (p[at + 8] << 8 | p[at + 9]);
	}
	return 0;
}

/* Labels of the message in p: complete when it is n bytes long. */
static inline void fi_dns_labels(const __u8 *p, __u32 n, struct fi_labels *out)
{
	char text[1280];
	__u32 at = FI_DNS_HEADER, name;

	if (n < FI_DNS_HEADER)
		return;
	if (p[4] << 8 | p[5]) {
		at = fi_dns_skip(p, n, FI_DNS_HEADER);
		if (!at || at + 4 > n)
			return;
		name = fi_dns_text(p, n, FI_DNS_HEADER, text);
		fi_label(out, FI_L_DNS_NAME, text, name);
		const char *type = fi_dns_type_text(p[at] << 8 | p[at + 1]);

		if (!type) {
			snprintf(text, sizeof(text), "TYPE%u", (__u32)(p[at] << 8 | p[at + 1]));
			type = text;
		}
		fi_label_str(out, FI_L_DNS_TYPE, type);
		at += 4;
	}
	if (!(p[2] & 0x80))
		return;
	__u32 code = (p[3] & 15) | ((p[4] << 8 | p[5]) <= 1 ? fi_dns_extended(p, n, at) << 4 : 0);
	const char *known = fi_dns_code_text(code);

	if (!known) {
		snprintf(text, sizeof(text), "RCODE%u", code);
		known = text;
	}
	fi_label_str(out, FI_L_DNS_RCODE, known);
}

/* For a label function: one datagram, or the first message of a stream with its length in front. */
static inline int fi_dns_labels_of(const struct fi_text *t, struct fi_labels *out)
{
	const __u8 *p = t->data;
	__u32 n = t->len;

	if (!t->whole && t->l4 == FI_TCP) {
		if (n < 2)
			return 0;
		__u32 want = p[0] << 8 | p[1];

		p += 2;
		n -= 2;
		if (n > want)
			n = want;
		else if (n < want && !t->last)
			return 0;
	}
	fi_dns_labels(p, n, out);
	return 1;
}

#endif
#endif
