/* SPDX-License-Identifier: Apache-2.0 */
/* Apache Pulsar's binary protocol: total size, command size, then a protobuf message whose field 1 is the type of the
 * command and whose next field, the command itself, has that type as its number. */
#include "../labels.h"

FI_PROTO(pulsar, 33, 42, FI_TCP, "Apache Pulsar", FI_PORTS(6650), FI_THEN());

/* FI_SIGNATURES 1 "CONNECT" 2 "CONNECTED" 3 "command" */
FI_SIG(pulsar)
{
	FI_CHECK(w);
	__u32 total = fi_be32(w, 0), size = fi_be32(w, 4), type = fi_at(w, 9), tag = type << 3 | 2, have, who;

	if (fi_at(w, 0) || fi_at(w, 4)) /* frames are far below 16 MiB */
		return FI_NO;
	if (w->len < 8)
		return w->len >= 4 && total < 8 ? FI_NO : FI_MORE;
	if (size < 4 || size > 1u << 16 || total < size + 4 || (w->len > 8 && fi_at(w, 8) != 0x08))
		return FI_NO;
	if (w->len < 12)
		return FI_MORE;
	have = type < 16 ? fi_at(w, 10) : (fi_at(w, 10) & 127u) | (__u32)fi_at(w, 11) << 7;
	if (type < 2 || type > 80 || have != tag || (type >= 16 && fi_at(w, 10) < 0x80))
		return FI_NO;
	/* only messages carry something behind the command */
	if (type != 6 && type != 9 && total != size + 4)
		return FI_NO;
	if (type == 2 || type == 3) /* first field: the version of the software */
		return w->len < 14 ? FI_MORE : FI_HIT(FI_STRONG, type == 2 ? FI_CLIENT : FI_SERVER, type - 1, 8);
	who = fi_range(type, 4, 6) | fi_range(type, 10, 12) | fi_equal(type, 20) | fi_equal(type, 21) | fi_equal(type, 23) ? FI_CLIENT :
	      fi_range(type, 7, 9) | fi_equal(type, 13) | fi_equal(type, 14) | fi_equal(type, 17) | fi_equal(type, 22) | fi_equal(type, 24) ? FI_SERVER :
																	FI_EITHER;
	return FI_HIT(FI_STRONG, who, 3, 8);
}

#ifdef FI_HOST
/* CONNECTED says which server it is. */
FI_LABELS(pulsar)
{
	const __u8 *p = t->data;

	if (t->who == FI_CLIENT)
		return 1;
	if (t->len < 14)
		return 0;
	if (p[9] != 3 || p[10] != 0x1a || p[11] >= 0x80 || p[12] != 0x0a)
		return 1;
	if (t->len < 14u + p[13])
		return 0;
	fi_label(out, FI_L_SERVER_VERSION, p + 14, p[13]);
	return 1;
}
#endif
