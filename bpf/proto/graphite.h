/* SPDX-License-Identifier: Apache-2.0 */
/* Graphite's plain text protocol: lines of path, value and time. A path has parts or tags: "EXPIREAT 5 1700000000" is
 * a command of Redis. */
#include "walk.h"

FI_PROTO(graphite, 89, 66, FI_TCP | FI_UDP, "Graphite (plain text)", FI_PORTS(2003), FI_THEN());

#define FI_GRAPHITE_PATH 200
#define FI_GRAPHITE_VALUE 32
#define FI_GRAPHITE_TIME 10 /* digits from September 2001 until 2286 */

/* FI_SIGNATURES 1 "metric" */
FI_SIG(graphite)
{
	FI_CHECK(w);
	__u32 value = fi_seek(w, ' ', 0, FI_GRAPHITE_PATH), time, bad = 0;
	__u8 end;

	if (!fi_only(w, 0, value ? value - 1 : FI_GRAPHITE_PATH, FI_NAME) || value == 1)
		return FI_NO;
	if (!value)
		return w->whole || w->len >= FI_GRAPHITE_PATH ? FI_NO : FI_MORE;
	if (!fi_seek(w, '.', 0, value) && !fi_seek(w, ';', 0, value))
		return FI_NO;
	time = fi_seek(w, ' ', value, value + FI_GRAPHITE_VALUE);
	if (!fi_only(w, value, time ? time - 1 : value + FI_GRAPHITE_VALUE, FI_NUMBER) || time == value + 1)
		return FI_NO;
	if (!time)
		return w->whole || w->len >= value + FI_GRAPHITE_VALUE ? FI_NO : FI_MORE;
	for (__u32 i = 0; i < FI_GRAPHITE_TIME; i++)
		bad |= (fi_digit(fi_at(w, time + i)) ^ 1) & (__u32)fi_in(w, time + i, 1);
	if (bad || (fi_in(w, time, 1) && !fi_range(fi_at(w, time), '1', '2')))
		return FI_NO;
	if (w->len <= time + FI_GRAPHITE_TIME)
		return !w->whole ? FI_MORE : w->total == time + FI_GRAPHITE_TIME ? FI_HIT(FI_FAIR, FI_CLIENT, 1, 0) : FI_NO;
	end = fi_at(w, time + FI_GRAPHITE_TIME);
	return end == '\n' || end == '\r' || end == '.' ? FI_HIT(FI_FAIR, FI_CLIENT, 1, 0) : FI_NO;
}
