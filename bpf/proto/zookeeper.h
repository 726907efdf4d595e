/* SPDX-License-Identifier: Apache-2.0 */
/* Apache ZooKeeper: length, then for requests transaction id and operation, for replies id, zxid and error. Kafka has
 * the same length in front: the fixed sizes of the connect packets, of pings, and paths tell them apart. */
#include "../text.h"

FI_PROTO(zookeeper, 23, 52, FI_TCP, "Apache ZooKeeper", FI_PORTS(2181), FI_THEN());

/* Operations (below 256) that begin with a path. */
fi_inline __u32 fi_zk_path_op(__u32 op)
{
	return fi_range(op, 1, 9) | fi_equal(op, 12) | fi_equal(op, 13) | fi_equal(op, 15) | fi_range(op, 18, 21);
}

/* The words of four letters that an administrator sends alone. */
fi_inline int fi_zk_word(__u32 word)
{
	switch (word) {
	case FI_WORD('r', 'u', 'o', 'k'):
	case FI_WORD('m', 'n', 't', 'r'):
	case FI_WORD('s', 't', 'a', 't'):
	case FI_WORD('s', 'r', 'v', 'r'):
	case FI_WORD('e', 'n', 'v', 'i'):
	case FI_WORD('c', 'o', 'n', 's'):
	case FI_WORD('i', 's', 'r', 'o'):
	case FI_WORD('w', 'c', 'h', 's'):
		return 1;
	}
	return 0;
}

/* FI_SIGNATURES 1 "connect" 2 "connected" 3 "ping" 4 "request with a path" 5 "watch event" 6 "word of four letters" 7 "reply" */
FI_SIG(zookeeper)
{
	FI_CHECK(w);
	__u32 len = fi_be32(w, 0), xid = fi_be32(w, 4), op = fi_be32(w, 8), n;

	if (w->len && fi_at(w, 0)) {
		enum fi_fit imok = fi_fit(w, 0, "imok"), version = fi_fit(w, 0, "Zookeeper version: "), table = fi_fit(w, 0, "zk_version\t");

		if (version == FI_FIT_YES || table == FI_FIT_YES)
			return FI_HIT(FI_STRONG, FI_SERVER, 6, 0);
		if (imok == FI_FIT_MORE || version == FI_FIT_MORE || table == FI_FIT_MORE || w->len < 4)
			return FI_MORE;
		if (imok == FI_FIT_YES)
			return FI_HIT(fi_port(w, 2181) ? FI_FAIR : FI_WEAK, FI_SERVER, 6, 0);
		return fi_zk_word(fi_be32(w, 0)) && fi_port(w, 2181) ? FI_HIT(FI_FAIR, FI_CLIENT, 6, 0) : FI_NO;
	}
	if (w->len < 8)
		return w->len >= 4 && (len < 8 || len > 1u << 22) ? FI_NO : FI_MORE;
	if (len < 8 || len > 1u << 22)
		return FI_NO;
	/* a password of 16 bytes behind version 0, last zxid, timeout, session; read-only flag since 3.4 */
	if (xid == 0 && (len == 44 || len == 45 || len == 28 || len == 29)) {
		if (w->len < 32)
			return FI_MORE;
		n = fi_be32(w, 28);
		if ((n == 16 && len >= 44) || ((n == 0 || n == 0xffffffff) && len < 44))
			return fi_be32(w, 16) <= 3600000 && fi_at(w, 8) == 0 ? FI_HIT(FI_STRONG, FI_CLIENT, 1, 4) : FI_NO;
	}
	if (xid == 0 && (len == 36 || len == 37)) {
		if (w->len < 24)
			return FI_MORE;
		if (fi_be32(w, 20) == 16 && op <= 3600000)
			return FI_HIT(FI_STRONG, FI_SERVER, 2, 4);
	}
	if (w->start) /* a session begins with the packets above */
		return FI_NO;
	if (w->len < 12)
		return FI_MORE;
	if (xid == 0xfffffffe) {
		if (len == 8)
			return op == 11 ? FI_HIT(FI_STRONG, FI_CLIENT, 3, 4) : FI_NO;
		return len == 16 ? FI_HIT(FI_STRONG, FI_SERVER, 3, 4) : FI_NO;
	}
	if (xid == 0xffffffff) {
		if (w->len < 28)
			return FI_MORE;
		return op == 0xffffffff && len >= 28 && fi_be32(w, 16) == 0 && fi_range(fi_at(w, 23), 1, 5) ? FI_HIT(FI_STRONG, FI_SERVER, 5, 4) : FI_NO;
	}
	if (xid == 0 || xid >= 1u << 28)
		return FI_NO;
	if (len == 8 && op == 0xfffffff5) /* close the session */
		return FI_HIT(FI_FAIR, FI_CLIENT, 3, 4);
	if (op < 22 && fi_zk_path_op(op)) {
		if (w->len < 18)
			return FI_MORE;
		n = fi_be32(w, 12);
		if (n && n + 12 <= len && n < 1024 && fi_at(w, 16) == '/' && (n == 1 || fi_print(fi_at(w, 17))))
			return FI_HIT(FI_FAIR, FI_CLIENT, 4, 12);
	}
	if (len < 16)
		return FI_NO;
	if (w->len < 20)
		return FI_MORE;
	/* zxid: epoch and counter; errors are 0 and down to -130 */
	n = fi_be32(w, 16);
	return op < 1u << 20 && (n == 0 || n > 0xffffff7d) && fi_port(w, 2181) ? FI_HIT(FI_WEAK, FI_SERVER, 7, 4) : FI_NO;
}
