/* SPDX-License-Identifier: Apache-2.0 */
/* What a signature sees and answers. Builds for BPF and, with FI_HOST, for user space.
 *
 * A signature is a pure function of a window: the first bytes of one end of a flow, from the start
 * of the stream, of a datagram, or of a segment when joined mid-stream. It answers
 *   FI_NO        these bytes, whatever follows, are not this protocol;
 *   FI_MORE      consistent so far, more bytes are needed to say;
 *   FI_HIT(...)  they are, with a grade and the offset of the evidence.
 * The answer must not depend on how TCP cut the stream: never compare with the number of bytes
 * that happen to be there, except through fi_span. */
#ifndef FI_SIG_H
#define FI_SIG_H

#include "abi.h"

#ifdef FI_HOST
#define FI_FN static
#define fi_inline static inline __attribute__((always_inline))
#else
#define FI_FN __attribute__((noinline))
#define fi_inline static inline __attribute__((always_inline))
#endif

/* A function of its own in BPF, checked with its caller: its stack is given back when it returns. */
#ifdef FI_HOST
#define FI_SUB static inline
#else
#define FI_SUB static __attribute__((noinline))
#endif
#define FI_JOIN(a, b) a##b
#define FI_PHASE(name, part) FI_JOIN(name, part)

enum fi_l4 { FI_ICMP = 1, FI_TCP = 6, FI_UDP = 17, FI_ICMP6 = 58, FI_SCTP = 132 };

/* How much a hit is worth.
 * WEAK: many things look like this; counts only when the other end agrees, or with the usual port.
 * FAIR: good alone: "probable"; the other end's agreement makes it "confirmed".
 * STRONG: an exact magic plus structure that nothing else has by chance (≥ 5 fixed bytes' worth).*/
enum fi_grade { FI_WEAK = 1, FI_FAIR = 2, FI_STRONG = 3 };

/* Who sends such bytes, when the signature can tell. */
enum fi_who { FI_EITHER = 0, FI_CLIENT = 1, FI_SERVER = 2 };

#define FI_WINDOW_MASK (2 * FI_WINDOW - 1)

struct fi_win {
	__u32 len; /* bytes readable, <= FI_WINDOW */
	__u32 total; /* payload known: datagram length, or contiguous stream bytes (may be > len) */
	__u32 at; /* index in data of the window's byte 0 (layers taken off before it) */
	__u8 l4; /* enum fi_l4 */
	__u8 whole; /* 1: one datagram, total is exact, nothing follows */
	__u8 start; /* 1: true start of the stream (or a datagram); 0: joined mid-stream */
	__u8 from; /* enum fi_who by the handshake; FI_EITHER when not known */
	__be16 sport_be; /* of the sender of these bytes */
	__be16 dport_be;
	__u16 below; /* protocol id of the layer under this window; 0 = the transport */
	__u16 pad;
	__u8 data[2 * FI_WINDOW + 8];
};

typedef __u64 fi_answer;

#define FI_NO ((fi_answer)0)
#define FI_MORE ((fi_answer)1)
/* grade: enum fi_grade; who: enum fi_who; sig: number of the signature in its file, from 1 (the file's
 * FI_SIGNATURES comment names them); off: offset of the evidence in the window. */
#define FI_HIT(grade, who, sig, off)                                                               \
	((fi_answer)2 | (fi_answer)(grade) << 2 | (fi_answer)(who) << 4 | (fi_answer)(sig) << 8 |  \
	 (fi_answer)((off) & 0xffff) << 16)
/* The hit lies on top of protocol `over` (which is then a layer of its own). */
#define FI_OVER(hit, over) ((hit) | (fi_answer)(over) << 32)
/* The hit ends after n bytes, where the next layer of the same end begins (PROXY header). */
#define FI_SKIP(hit, n) ((hit) | (fi_answer)((n) & 0xffff) << 48)

#define FI_ANSWER_KIND(a) ((__u8)((a) & 3))
#define FI_ANSWER_GRADE(a) ((__u8)((a) >> 2 & 3))
#define FI_ANSWER_WHO(a) ((__u8)((a) >> 4 & 3))
#define FI_ANSWER_SIG(a) ((__u8)((a) >> 8))
#define FI_ANSWER_OFF(a) ((__u16)((a) >> 16))
#define FI_ANSWER_OVER(a) ((__u16)((a) >> 32))
#define FI_ANSWER_SKIP(a) ((__u16)((a) >> 48))

/* Declares a protocol; one line of every file in bpf/proto. Expands to nothing: tools/gen-protocols.ts
 * reads it. `id` is never reused. `rank`: lower is asked first and wins a tie (10 exact magics,
 * 30 text grammars, 50 length-checked binaries, 70 weak shapes). transports: FI_TCP, FI_UDP or both with |.
 * ports: FI_PORTS(...) usual ports: a hint, never proof. then: FI_THEN(...) protocols that may take
 * over later on the same connection (STARTTLS, Upgrade, CONNECT, tunnels), by name; FI_THEN(any). */
#define FI_PROTO(name, id, rank, transports, title, ports, then) struct fi_unused_##name
/* The signature of protocol `name`: fi_answer fi_sig_<name>(const struct fi_win *w). Global functions in
 * BPF (verified once each), so the window may be NULL to the verifier: begin with FI_CHECK(w). */
#define FI_SIG(name) FI_FN __u64 fi_sig_##name(const struct fi_win *w)
#ifdef FI_HOST
#define FI_CHECK(w) (void)0
#else
#define FI_CHECK(w)                                                                                \
	do {                                                                                       \
		if (!(w))                                                                          \
			return FI_NO;                                                              \
	} while (0)
#endif

/* Hides a value's origin from the compiler. Without it, clang turns arithmetic like the functions below back into
 * compares and branches, and each branch in a loop doubles the states the verifier walks. */
#if defined(FI_HOST) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* unroll is clang's, for BPF */
#endif

#ifdef FI_HOST
#define FI_OPAQUE(v) (void)0
#else
#define FI_OPAQUE(v) asm("" : "+r"(v))
#endif

/* a < b, as 1 or 0, without a branch. Both < 2^63. */
fi_inline __u32 fi_below(__u64 a, __u64 b)
{
	__u64 d = a - b;

	FI_OPAQUE(d);
	return (__u32)(d >> 63);
}

/* a == b, as 1 or 0, without a branch. */
fi_inline __u32 fi_equal(__u64 a, __u64 b)
{
	return fi_below(a ^ b, 1);
}

/* All ones when n bytes from off on are in the window, else 0. Branchless. off must be < 2^31. */
fi_inline __u64 fi_in(const struct fi_win *w, __u32 off, __u32 n)
{
	__s64 d = (__s64)((__u64)off + n) - (__s64)(__u64)w->len - 1;

	FI_OPAQUE(d);
	return (__u64)(d >> 63);
}

/* Readers: the value at off, or 0 when it is not wholly inside the window. */
fi_inline __u8 fi_at(const struct fi_win *w, __u32 off)
{
	return w->data[(w->at + off) & FI_WINDOW_MASK] & (__u8)fi_in(w, off, 1);
}

fi_inline __u16 fi_be16(const struct fi_win *w, __u32 off)
{
	__u16 v;
	__builtin_memcpy(&v, &w->data[(w->at + off) & FI_WINDOW_MASK], 2);
	return __builtin_bswap16(v) & (__u16)fi_in(w, off, 2);
}

fi_inline __u32 fi_be32(const struct fi_win *w, __u32 off)
{
	__u32 v;
	__builtin_memcpy(&v, &w->data[(w->at + off) & FI_WINDOW_MASK], 4);
	return __builtin_bswap32(v) & (__u32)fi_in(w, off, 4);
}

fi_inline __u64 fi_be64(const struct fi_win *w, __u32 off)
{
	__u64 v;
	__builtin_memcpy(&v, &w->data[(w->at + off) & FI_WINDOW_MASK], 8);
	return __builtin_bswap64(v) & fi_in(w, off, 8);
}

fi_inline __u32 fi_be24(const struct fi_win *w, __u32 off)
{
	return (__u32)fi_at(w, off) << 16 | fi_be16(w, off + 1);
}

fi_inline __u16 fi_le16(const struct fi_win *w, __u32 off)
{
	return __builtin_bswap16(fi_be16(w, off));
}

fi_inline __u32 fi_le24(const struct fi_win *w, __u32 off)
{
	return fi_at(w, off) | (__u32)fi_at(w, off + 1) << 8 | (__u32)fi_at(w, off + 2) << 16;
}

fi_inline __u32 fi_le32(const struct fi_win *w, __u32 off)
{
	return __builtin_bswap32(fi_be32(w, off));
}

fi_inline __u64 fi_le64(const struct fi_win *w, __u32 off)
{
	return __builtin_bswap64(fi_be64(w, off));
}

/* Usual port at either end: may lift a WEAK shape to FAIR, never decides alone. */
fi_inline int fi_port(const struct fi_win *w, __u16 port)
{
	return w->sport_be == __builtin_bswap16(port) || w->dport_be == __builtin_bswap16(port);
}

enum fi_fit { FI_FIT_NO = 0, FI_FIT_MORE = 1, FI_FIT_YES = 2 };

/* Compares the n bytes at off with a string literal: NO when a byte that is there differs, MORE when all that
 * are there agree but some are missing, YES. n is a constant <= 32. fold: 0x20 ignores the case of letters (the
 * literal is then lower case). */
fi_inline enum fi_fit fi_fit_fold(const struct fi_win *w, __u32 off, const char *lit, __u32 n, __u8 fold)
{
	__u64 diff = 0;

#pragma unroll
	for (__u32 word = 0; word < n; word += 8) {
		__u64 want = 0, mask = 0, folded = 0, have, v;

#pragma unroll
		for (__u32 i = word; i < word + 8 && i < n; i++) { /* all constants */
			__u32 shift = 56 - 8 * (i - word);

			want |= (__u64)(__u8)lit[i] << shift;
			mask |= 0xffull << shift;
			folded |= (lit[i] >= 'a' && lit[i] <= 'z' ? (__u64)fold : 0) << shift;
		}
		/* how many of these eight bytes are there: 0 to 8 */
		have = (__u64)w->len - off - word;
		have &= ~(__u64)((__s64)have >> 63);
		have = (have & ~(fi_below(8, have) * ~0ull)) | (8 & (fi_below(8, have) * ~0ull));
		FI_OPAQUE(have);
		__builtin_memcpy(&v, &w->data[(w->at + off + word) & FI_WINDOW_MASK], 8);
		v = (__builtin_bswap64(v) | folded) ^ want;
		/* shifted in two steps: by 64 is undefined */
		diff |= v & mask & ((~0ull << (32 - 4 * have)) << (32 - 4 * have));
	}
	/* NO, MORE, YES are 0, 1, 2: no branch here either */
	return (enum fi_fit)(fi_equal(diff >> 32 | (diff & 0xffffffff), 0) * (1 + (__u32)(fi_in(w, off, n) & 1)));
}
#define fi_fit(w, off, lit) fi_fit_fold(w, off, lit, sizeof(lit) - 1, 0)
#define fi_fit_nocase(w, off, lit) fi_fit_fold(w, off, lit, sizeof(lit) - 1, 0x20)
/* For "is it there": nonzero when the whole literal is in the window at off. */
#define fi_is(w, off, lit) (fi_fit(w, off, lit) == FI_FIT_YES)

/* Does a message of n bytes (header included) fit what is there?
 * NO: a datagram of another length. MORE: the stream has not brought it all yet (that is no fault).
 * YES: it is all there; in a stream the next message, if any, begins at n: check its header too, it
 * must be valid as well (reads beyond the window give 0: use fi_in to know). */
fi_inline enum fi_fit fi_span(const struct fi_win *w, __u32 n)
{
	if (w->whole)
		return n == w->total ? FI_FIT_YES : FI_FIT_NO;
	return n <= w->total ? FI_FIT_YES : FI_FIT_MORE;
}

/* Character classes, branchless; 1 or 0: combine them with | and &, negate with ^ 1. */
fi_inline __u32 fi_range(__u32 c, __u32 lo, __u32 hi)
{
	return fi_below(c - lo, (__u64)hi - lo + 1);
}
#define fi_digit(c) fi_range(c, '0', '9')
#define fi_upper(c) fi_range(c, 'A', 'Z')
#define fi_alpha(c) fi_range((c) | 0x20, 'a', 'z')
#define fi_print(c) fi_range(c, 0x20, 0x7e)

#endif
