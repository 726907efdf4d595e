/* SPDX-License-Identifier: Apache-2.0 */
/* Gossip of Serf and Consul (memberlist): a byte of kind, then a msgpack map whose first key is known by kind; several
 * messages, a checksum or a label may stand around it. Encrypted gossip has no mark and is not claimed. */
#include "walk.h"

FI_PROTO(serf, 94, 62, FI_TCP | FI_UDP, "Serf gossip (memberlist)", FI_PORTS(7946, 8301, 8302), FI_THEN());

#define FI_SERF_COMPOUND 7
#define FI_SERF_USER 8
#define FI_SERF_CRC 12
#define FI_SERF_LABEL 244

/* FI_SIGNATURES 1 "message" 2 "compound" 3 "checksum" 4 "label" 5 "event" */
FI_SIG(serf)
{
	FI_CHECK(w);
	__u32 off = 0, kind = fi_at(w, 0), sig = 1, map, key;
	__u64 word;

	if (kind == FI_SERF_LABEL) { /* length, label */
		off = 2 + fi_at(w, 1);
		sig = 4;
		if (w->len > 1 && (off == 2 || !fi_only(w, 2, off, FI_PRINT)))
			return FI_NO;
		kind = w->len > 1 ? fi_at(w, off) : 0;
	}
	if (kind == FI_SERF_CRC && w->whole) {
		off += 5;
		sig = 3;
		kind = fi_at(w, off);
	}
	if (kind == FI_SERF_COMPOUND && w->whole) { /* count, lengths */
		__u32 n = fi_at(w, off + 1);

		if (n < 1 || off + 2 + 2 * n + fi_be16(w, off + 2) > w->total)
			return FI_NO;
		off += 2 + 2 * n;
		sig = sig == 1 ? 2 : sig;
		kind = fi_at(w, off);
	}
	if (kind == FI_SERF_USER) { /* Serf's own kind follows */
		off++;
		sig = sig == 1 ? 5 : sig;
		if (fi_in(w, off, 1) && fi_at(w, off) > 9)
			return FI_NO;
	} else if (kind > 9) {
		return FI_NO;
	}
	map = fi_at(w, off + 1);
	if (fi_in(w, off + 1, 1) && !fi_range(map, 0x81, 0x8f))
		return FI_NO;
	if (!fi_in(w, off + 2, 6)) {
		if (w->whole)
			return FI_NO;
		/* the keys begin with these bytes only: SeqNo, Incarnation, Algo, Nodes, LTime */
		key = fi_at(w, off + 2);
		return !fi_in(w, off + 2, 1) || key == 0xa5 || key == 0xab || key == 0xa4 ? FI_MORE : FI_NO;
	}
	word = (__u64)fi_be32(w, off + 2) << 16 | fi_be16(w, off + 6);
	key = 0;
	if (kind == FI_SERF_USER)
		key = fi_equal(word, 0xa54c54696d65ull);
	else if (kind <= 2 || kind == 11)
		key = fi_equal(word, 0xa55365714e6full);
	else if (kind <= 5)
		key = fi_equal(word, 0xab496e636172ull);
	else if (kind == 6)
		key = fi_equal(word, 0xa54e6f646573ull);
	else if (kind == 9)
		key = fi_equal(word >> 8, 0xa4416c676full);
	return key ? FI_HIT(FI_STRONG, FI_EITHER, sig, off) : FI_NO;
}
