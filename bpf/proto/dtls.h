/* SPDX-License-Identifier: Apache-2.0 */
/* DTLS 1.0 and 1.2 (RFC 6347 §4.1), and 1.3 as far as its handshake still has that header (RFC 9147 §4): records of
 * type, version, epoch, sequence number, length, whose lengths add up to the datagram. The short header of DTLS 1.3
 * ciphertext has nothing to hold on to and is not claimed. */
#include "hello.h"

FI_PROTO(dtls, 15, 15, FI_UDP, "Datagram Transport Layer Security", FI_PORTS(4433, 5684, 5349), FI_THEN());

#define FI_DTLS_RECORDS 4 /* records of one datagram that are walked */
#define FI_DTLS_HEADER 13

/* Record at off of a datagram: its whole length, or 0. Old OpenSSL and AnyConnect write version 0100. */
fi_inline __u32 fi_dtls_record(const struct fi_win *w, __u32 off)
{
	__u32 type = fi_at(w, off), version = fi_be16(w, off + 1), length = fi_be16(w, off + 11);

	if (!(fi_range(type, 0x14, 0x17) | fi_range(type, 0x19, 0x1a)) || fi_be16(w, off + 3) > 0xff)
		return 0;
	if (!(fi_equal(version, 0xfeff) | fi_equal(version, 0xfefd) | fi_equal(version, 0x0100)))
		return 0;
	return length && length <= 16640 ? FI_DTLS_HEADER + length : 0;
}

/* FI_SIGNATURES 1 "ClientHello" 2 "ServerHello" 3 "records" 4 "HelloVerifyRequest" */
FI_SIG(dtls)
{
	FI_CHECK(w);
	__u32 at = 0, n = w->total, step;

	if (n < FI_DTLS_HEADER + 1 || !fi_in(w, 0, FI_DTLS_HEADER))
		return FI_NO;
	for (__u32 i = 0; i < FI_DTLS_RECORDS; i++) {
		if (at == n || at + FI_DTLS_HEADER > FI_WINDOW)
			break; /* walked all, or all that can be seen */
		step = fi_dtls_record(w, at);
		if (!step || at + step > n)
			return FI_NO;
		at += step;
	}
	if (fi_at(w, 0) == 0x16 && fi_be16(w, 3) == 0) {
		__u32 kind = fi_at(w, 13), whole = fi_be24(w, 14), from = fi_be24(w, 19), part = fi_be24(w, 22);

		if (from + part > whole || part + 12 > fi_be16(w, 11))
			return FI_NO;
		if (kind == 1)
			return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
		if (kind == 2 || kind == 3)
			return FI_HIT(FI_STRONG, FI_SERVER, kind == 2 ? 2 : 4, 0);
		return kind <= 25 ? FI_HIT(FI_STRONG, FI_EITHER, 3, 0) : FI_NO;
	}
	if (fi_be16(w, 1) == 0x0100) /* the old version number is less evidence without a hello */
		return fi_be16(w, 3) <= 3 ? FI_HIT(FI_FAIR, FI_EITHER, 3, 0) : FI_HIT(FI_WEAK, FI_EITHER, 3, 0);
	return FI_HIT(FI_STRONG, FI_EITHER, 3, 0);
}

#ifdef FI_HOST
/* The hello, when its first fragment is in the first datagram. */
FI_LABELS(dtls)
{
	__u8 hello[2048];
	const __u8 *p = t->data;
	__u32 n, part;

	if (t->len < 25 || p[0] != 0x16 || p[19] || p[20] || p[21])
		return 1;
	part = p[22] << 16 | p[23] << 8 | p[24];
	n = t->len - 25 < part ? t->len - 25 : part;
	if (n > sizeof(hello) - 4)
		n = sizeof(hello) - 4;
	memcpy(hello, p + 13, 4);
	memcpy(hello + 4, p + 25, n);
	if (p[13] == 1)
		fi_hello_client(hello, n + 4, 1, out);
	else if (p[13] == 2)
		fi_labels_server_hello(hello, n + 4, out);
	return 1;
}
#endif
