/* SPDX-License-Identifier: Apache-2.0 */
/* The message format that DNS (RFC 1035), mDNS, LLMNR and NetBIOS-NS share. Not a protocol of its own. */
#ifndef FI_DNSWIRE_H
#define FI_DNSWIRE_H

#include "../sig.h"

#define FI_DNS_HEADER 12
#define FI_DNS_LABELS 36 /* labels walked: an ip6.arpa name has 34; longer names are not claimed */

/* What fi_dns_name says, above the 16 bits of the offset behind the name. */
#define FI_DNS_BAD 0x10000u /* no name */
#define FI_DNS_CUT 0x20000u /* goes on behind the window */
#define FI_DNS_POINTER 0x40000u /* ends with a compression pointer */
#define FI_DNS_ODD 0x80000u /* a label begins with a byte that is no printable character */

/* Walks the name at `at`. No branch in the loop: one path for the verifier. */
FI_FN __u32 fi_dns_name(const struct fi_win *w, __u32 at)
{
	__u32 live = 1, bad = 0, cut = 0, pointer = 0, odd = 0, from = at;

	if (!w || at > 2 * FI_WINDOW)
		return FI_DNS_BAD;
	for (__u32 i = 0; i < FI_DNS_LABELS; i++) {
		__u32 n = fi_at(w, at), here = (__u32)fi_in(w, at, 1) & 1, ptr = fi_below(0xbf, n), end = fi_equal(n, 0), step, keep;

		cut |= live & (here ^ 1);
		live &= here;
		bad |= live & fi_range(n, 0x40, 0xbf);
		pointer |= live & ptr;
		odd |= live & fi_range(n, 1, 0x3f) & (__u32)fi_in(w, at + 1, 1) & (fi_range(fi_at(w, at + 1), 0x21, 0x7e) ^ 1);
		step = 0u - live; /* all ones or zero */
		FI_OPAQUE(step);
		keep = ptr - 1; /* a pointer has two bytes whatever its value */
		FI_OPAQUE(keep);
		at += step & (((n & keep) | ptr) + 1);
		live &= (ptr | end) ^ 1;
		at &= 0xffff;
	}
	bad |= live & (cut ^ 1);
	bad |= fi_below(255, at - from);
	return at | bad * FI_DNS_BAD | cut * FI_DNS_CUT | pointer * FI_DNS_POINTER | odd * FI_DNS_ODD;
}

/* Types of RFC 1035 and later (1..263), DLV and TA, private use. */
fi_inline __u32 fi_dns_type_ok(__u32 type)
{
	return (fi_below(type, 264) & (fi_equal(type, 0) ^ 1)) | fi_equal(type & ~1u, 32768) | fi_below(65279, type);
}

/* IN, CH, HS, NONE, ANY. */
fi_inline __u32 fi_dns_class_ok(__u32 class)
{
	return fi_equal(class, 1) | fi_equal(class, 3) | fi_equal(class, 4) | fi_equal(class, 254) | fi_equal(class, 255);
}

/* First-level encoding of a NetBIOS name, RFC 1001 §14.1: a label of 32 letters A..P at `at`, all of it there. */
FI_FN __u32 fi_netbios_name(const struct fi_win *w, __u32 at)
{
	if (!w || at > FI_WINDOW)
		return 0;
	__u64 high = 0;

	/* A byte below 'A' borrows, but shows itself first: its own high nibble is not zero then. */
	for (__u32 i = 0; i < 4; i++)
		high |= (fi_be64(w, at + 1 + i * 8) - 0x4141414141414141ull) & 0xf0f0f0f0f0f0f0f0ull;
	high |= high >> 32; /* fi_equal wants less than 2^63 */
	return fi_equal(fi_at(w, at), 32) & fi_equal((__u32)high, 0) & (__u32)fi_in(w, at, 33);
}

/* Kinds of message that fi_dns_message knows. */
enum fi_dns_mode { FI_DNS_UNICAST = 0, FI_DNS_MULTICAST = 1, FI_DNS_LINKLOCAL = 2 };

/* What it answers: NO, MORE, or a well-formed message with these facts. */
#define FI_DNS_NO 0u
#define FI_DNS_MORE 1u
#define FI_DNS_OK 2u
#define FI_DNS_REPLY 0x10u
#define FI_DNS_STRANGE 0x20u /* odd characters in the question */
#define FI_DNS_BARE 0x40u /* a header and nothing else */
#define FI_DNS_RECORDS 0x80u /* no question, records only */
#define FI_DNS_OTHER 0x100u /* notify or update */
#define FI_DNS_NETBIOS 0x200u /* the question is a NetBIOS name */

/* Bytes that should be there are not: in a stream they may come, in a datagram only where the capture cut it. */
fi_inline __u32 fi_dns_short(const struct fi_win *w)
{
	return w->whole && w->len == w->total ? FI_DNS_NO : FI_DNS_MORE;
}

/* The resource record at `at` of a message that ends at `end`. last: nothing may follow it. */
FI_FN __u32 fi_dns_record(const struct fi_win *w, __u32 at, __u32 end, __u32 last)
{
	if (!w)
		return FI_DNS_NO;
	if (at + 11 > end)
		return FI_DNS_NO;
	if (at + 11 > FI_WINDOW)
		return FI_DNS_OK; /* out of sight for good */
	__u32 name = fi_dns_name(w, at), p = name & 0xffff;

	if (name & FI_DNS_BAD)
		return FI_DNS_NO;
	if (name & FI_DNS_CUT || !fi_in(w, p, 10))
		return w->len >= FI_WINDOW ? FI_DNS_OK : fi_dns_short(w);
	__u32 type = fi_be16(w, p), stop = p + 10 + fi_be16(w, p + 8);

	/* OPT has the payload size for a class. */
	if (!(fi_dns_type_ok(type) & (fi_dns_class_ok(fi_be16(w, p + 2) & 0x7fff) | fi_equal(type, 41))))
		return FI_DNS_NO;
	if (last ? stop != end : stop > end)
		return FI_DNS_NO;
	return FI_DNS_OK;
}

/* No message of this mode has these flags: what is text or a TLS record instead shows here first. */
fi_inline __u32 fi_dns_flags_bad(__u32 flags, __u32 mode)
{
	__u32 op = flags >> 11 & 15;

	if (mode == FI_DNS_UNICAST ? flags & 0x40 || (op != 0 && op != 4 && op != 5) : op != 0)
		return 1;
	return flags & 0x8000 ? (flags & 15) > 11 : (flags & 15) != 0;
}

/* The message of n bytes at `at`. */
FI_FN __u32 fi_dns_message(const struct fi_win *w, __u32 at, __u32 n, __u32 mode)
{
	__u32 end, facts = FI_DNS_OK;

	if (!w || at > 2 || n > 65535)
		return FI_DNS_NO;
	if (n < FI_DNS_HEADER)
		return FI_DNS_NO;
	end = at + n;
	__u32 flags = fi_be16(w, at + 2), op = flags >> 11 & 15;

	if (fi_in(w, at, 4) && fi_dns_flags_bad(flags, mode))
		return FI_DNS_NO;
	if (fi_in(w, at, 6) && mode == FI_DNS_UNICAST && fi_be16(w, at + 4) > 1)
		return FI_DNS_NO;
	if (!fi_in(w, at, FI_DNS_HEADER))
		return fi_dns_short(w);
	__u32 qd = fi_be16(w, at + 4), an = fi_be16(w, at + 6);
	__u32 ns = fi_be16(w, at + 8), ar = fi_be16(w, at + 10), sum = an + ns + ar;

	if (FI_DNS_HEADER + qd * 5 + sum * 11 > n)
		return FI_DNS_NO;
	if (flags & 0x8000) {
		facts |= FI_DNS_REPLY;
	} else if (mode != FI_DNS_MULTICAST && (qd != 1 || (op == 0 && (an || ns > 1 || ar > 4)))) {
		return FI_DNS_NO;
	}
	if (op)
		facts |= FI_DNS_OTHER;
	if (qd == 0) {
		if (sum == 0) /* only errors come without a question */
			return n == FI_DNS_HEADER && flags & 0x8000 && flags & 15 ? facts | FI_DNS_BARE : FI_DNS_NO;
		__u32 r = fi_dns_record(w, at + FI_DNS_HEADER, end, sum == 1);

		return r == FI_DNS_OK ? facts | FI_DNS_RECORDS : r;
	}
	__u32 name = fi_dns_name(w, at + FI_DNS_HEADER), p = name & 0xffff;

	if (name & (FI_DNS_BAD | FI_DNS_POINTER))
		return FI_DNS_NO;
	if (name & FI_DNS_CUT || !fi_in(w, p, 4))
		return p + 4 > end ? FI_DNS_NO : fi_dns_short(w);
	if (p + 4 > end || !fi_dns_type_ok(fi_be16(w, p)))
		return FI_DNS_NO;
	/* the top bit of the class asks for a unicast answer in mDNS */
	if (!fi_dns_class_ok(fi_be16(w, p + 2) & (mode == FI_DNS_MULTICAST ? 0x7fff : 0xffff)))
		return FI_DNS_NO;
	if (op == 5 && fi_be16(w, p) != 6)
		return FI_DNS_NO;
	if (name & FI_DNS_ODD)
		facts |= FI_DNS_STRANGE;
	if (fi_netbios_name(w, at + FI_DNS_HEADER) && fi_range(fi_be16(w, p), 0x20, 0x21))
		facts |= FI_DNS_NETBIOS;
	if (sum == 0)
		return qd > 1 || p + 4 == end ? facts : FI_DNS_NO;
	if (qd > 1)
		return facts;
	__u32 r = fi_dns_record(w, p + 4, end, sum == 1);

	return r == FI_DNS_OK ? facts : r;
}

/* For the usual port: a message that breaks the rules somewhere (wrong counts, a name that runs on, an odd operation),
 * but has either a proper question or a proper header. */
FI_FN __u32 fi_dns_broken(const struct fi_win *w)
{
	if (!w)
		return 0;
	__u32 flags = fi_be16(w, 2), name = fi_dns_name(w, FI_DNS_HEADER), p = name & 0xffff, header;

	header = fi_equal(fi_be16(w, 4), 1) & fi_below(fi_be16(w, 6), 33) & fi_below(fi_be16(w, 8), 33) & fi_below(fi_be16(w, 10), 33) &
		 fi_equal(flags & 0x40, 0) & fi_below(flags >> 11 & 15, 7);
	if (name & (FI_DNS_BAD | FI_DNS_CUT | FI_DNS_POINTER | FI_DNS_ODD) || p < 15)
		return header & fi_range(fi_at(w, FI_DNS_HEADER), 1, 0x3f) & fi_range(fi_at(w, FI_DNS_HEADER + 1), 0x21, 0x7e);
	return header | (fi_dns_type_ok(fi_be16(w, p)) & fi_equal(fi_be16(w, p + 2), 1));
}

#endif
