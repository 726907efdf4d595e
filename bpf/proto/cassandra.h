/* SPDX-License-Identifier: Apache-2.0 */
/* Cassandra's native protocol (CQL), versions 1 to 5: version with a direction bit, flags, stream, operation, length.
 * Each operation belongs to one direction, and its body begins in a known way. */
#include "../text.h"

FI_PROTO(cassandra, 18, 42, FI_TCP, "Cassandra Query Language", FI_PORTS(9042), FI_THEN());

#define FI_CQL_HIT(grade, who, sig) FI_HIT(grade, who, sig, at)

/* Is what stands at off a string of capitals with its length of two bytes? */
fi_inline __u32 fi_cql_name(const struct fi_win *w, __u32 off)
{
	__u32 n = fi_be16(w, off);

	return fi_below(2, n) & fi_below(n, 64) & fi_range(fi_at(w, off + 2), 'A', 'Z') & fi_range(fi_at(w, off + 3), 'A', 'Z') & fi_range(fi_at(w, off + 4), 'A', 'Z');
}

/* FI_SIGNATURES 1 "STARTUP or OPTIONS" 2 "SUPPORTED, READY or AUTHENTICATE" 3 "QUERY or PREPARE" 4 "EXECUTE, BATCH or REGISTER" 5 "RESULT"
 * 6 "ERROR" 7 "EVENT" 8 "authentication" */
FI_SIG(cassandra)
{
	FI_CHECK(w);
	__u32 first = fi_at(w, 0), version = first & 0x7f, at = version > 2 ? 9 : 8, op = fi_at(w, at - 5), len = fi_be32(w, at - 4), word, n;

	if (w->len && !fi_range(version, 1, 5))
		return FI_NO;
	if (fi_at(w, 1) & ~0x1fu)
		return FI_NO;
	if (w->len < at)
		return FI_MORE;
	if (len > 1u << 28 || op > 16)
		return FI_NO;
	/* compressed bodies say nothing, tracing and warnings stand in front */
	if (fi_at(w, 1) & 0x0f)
		return fi_port(w, 9042) ? FI_CQL_HIT(FI_WEAK, first & 0x80 ? FI_SERVER : FI_CLIENT, 5) : FI_NO;
	if (w->len < at + (len < 6 ? len : 6))
		return FI_MORE;
	word = fi_be32(w, at);
	if (first & 0x80) {
		if (op == 2 && len == 0)
			return FI_CQL_HIT(FI_FAIR, FI_SERVER, 2);
		if (op == 3)
			return len > 8 && fi_be16(w, at) + 2u == len && fi_is(w, at + 2, "org.") ? FI_CQL_HIT(FI_STRONG, FI_SERVER, 2) : FI_NO;
		if (op == 6)
			return len < 8 ? FI_NO : w->len < at + 8 ? FI_MORE : fi_be16(w, at) < 32 && fi_cql_name(w, at + 2) ? FI_CQL_HIT(FI_STRONG, FI_SERVER, 2) : FI_NO;
		if (op == 8)
			return len >= 4 && word >= 1 && word <= 5 && (word != 1 || len == 4) ? FI_CQL_HIT(FI_FAIR, FI_SERVER, 5) : FI_NO;
		if (op == 0) {
			n = fi_be16(w, at + 4);
			return len >= 6 && (word == 0 || word == 10 || (word >= 0x100 && word <= 0x2500 && (word & 0xff) < 4)) && n + 6 <= len ?
				       FI_CQL_HIT(FI_FAIR, FI_SERVER, 6) :
				       FI_NO;
		}
		if (op == 12)
			return len < 5 ? FI_NO : w->len < at + 5 ? FI_MORE : fi_cql_name(w, at) ? FI_CQL_HIT(FI_STRONG, FI_SERVER, 7) : FI_NO;
		if (op == 14 || op == 16)
			return len >= 4 && (word == 0xffffffff || word + 4 == len) ? FI_CQL_HIT(FI_FAIR, FI_SERVER, 8) : FI_NO;
		return FI_NO;
	}
	if (op == 5 && len == 0)
		return FI_CQL_HIT(FI_STRONG, FI_CLIENT, 1);
	if (op == 1) {
		n = fi_be16(w, at);
		if (len < 8 || !n || n > 16)
			return FI_NO;
		return w->len < at + 8 ? FI_MORE : fi_cql_name(w, at + 2) ? FI_CQL_HIT(FI_STRONG, FI_CLIENT, 1) : FI_NO;
	}
	if (op == 11) {
		n = fi_be16(w, at);
		return len < 8 ? FI_NO : w->len < at + 8 ? FI_MORE : n && n < 8 && fi_cql_name(w, at + 2) ? FI_CQL_HIT(FI_STRONG, FI_CLIENT, 4) : FI_NO;
	}
	if (op == 7 || op == 9) {
		if (len < 10 || word < 6 || word + 4 > len)
			return FI_NO;
		if (w->len < at + 10)
			return FI_MORE;
		for (n = 4; n < 10; n++)
			if (fi_at(w, at + n) < 9 || fi_at(w, at + n) > 0x7e)
				return FI_NO;
		return FI_CQL_HIT(FI_STRONG, FI_CLIENT, 3);
	}
	if (op == 10) /* id of 16 bytes, consistency */
		return len >= 20 && fi_be16(w, at) == 16 ? FI_CQL_HIT(FI_FAIR, FI_CLIENT, 4) : FI_NO;
	if (op == 13) /* kind of batch, number, kind of the first statement */
		return len >= 8 && fi_at(w, at) <= 2 && fi_be16(w, at + 1) && fi_at(w, at + 3) <= 1 ? FI_CQL_HIT(FI_WEAK, FI_CLIENT, 4) : FI_NO;
	if (op == 15)
		return len >= 4 && word + 4 == len ? FI_CQL_HIT(FI_FAIR, FI_CLIENT, 8) : FI_NO;
	return FI_NO;
}
