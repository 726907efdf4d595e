/* SPDX-License-Identifier: Apache-2.0 */
/* ASN.1 BER lengths, X.690 §8.1.3, as LDAP, SNMP and Kerberos use them. */
#ifndef FI_BER_H
#define FI_BER_H

#include "sig.h"

/* Bytes of tag and length at off (single-byte tag), 2 to 6; 0 when the length is not definite or longer than 4 bytes. */
fi_inline __u32 fi_ber_head(const struct fi_win *w, __u32 off)
{
	__u32 b = fi_at(w, off + 1);

	return b < 0x80 ? 2 : b >= 0x81 && b <= 0x84 ? 2 + (b & 7) : 0;
}

/* The length at off; 0 when fi_ber_head is 0. */
fi_inline __u32 fi_ber_len(const struct fi_win *w, __u32 off)
{
	__u32 b = fi_at(w, off + 1);

	return b < 0x80 ? b : b == 0x81 ? fi_at(w, off + 2) : b == 0x82 ? fi_be16(w, off + 2) : b == 0x83 ? fi_be24(w, off + 2) : b == 0x84 ? fi_be32(w, off + 2) : 0;
}

#endif
