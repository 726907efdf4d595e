/* SPDX-License-Identifier: Apache-2.0 */
/* StatsD: lines of name:value|type, with sampling rate and tags behind; DogStatsD adds events and service checks. Names with
 * tags of their own (name,tag=value) are a dialect that the first server does not know: weak off the port. */
#include "walk.h"

FI_PROTO(statsd, 88, 62, FI_TCP | FI_UDP, "StatsD", FI_PORTS(8125), FI_THEN());

#define FI_STATSD_LINE 200 /* name and value end within */

/* FI_SIGNATURES 1 "metric" 2 "event or service check" */
FI_SIG(statsd)
{
	FI_CHECK(w);
	__u32 colon, bar, type, end, grade;
	enum fi_fit event = fi_fit(w, 0, "_e{"), check = fi_fit(w, 0, "_sc|");

	if (event == FI_FIT_YES || check == FI_FIT_YES) {
		if (w->len < 16)
			return w->whole ? FI_NO : FI_MORE;
		if (!fi_only(w, 3, 16, FI_PRINT) || (event == FI_FIT_YES && !fi_digit(fi_at(w, 3))))
			return FI_NO;
		return FI_HIT(FI_FAIR, FI_CLIENT, 2, 0);
	}
	colon = fi_seek(w, ':', 0, FI_STATSD_LINE);
	if (!fi_only(w, 0, colon ? colon - 1 : FI_STATSD_LINE, FI_NAME) || colon == 1)
		return FI_NO;
	if (!colon)
		return w->whole || w->len >= FI_STATSD_LINE ? FI_NO : FI_MORE;
	bar = fi_seek(w, '|', colon, FI_STATSD_LINE);
	if (!fi_only(w, colon, bar ? bar - 1 : FI_STATSD_LINE, FI_NAME | FI_NUMBER) || bar == colon + 1)
		return FI_NO;
	if (!bar)
		return w->whole || w->len >= FI_STATSD_LINE ? FI_NO : FI_MORE;
	type = fi_at(w, bar);
	/* a set counts what was never seen before: its values are words */
	if (type != 's' && fi_in(w, bar, 1) && !fi_only(w, colon, bar - 1, FI_NUMBER))
		return FI_NO;
	if (fi_in(w, bar, 1) && !(fi_equal(type, 'c') | fi_equal(type, 'g') | fi_equal(type, 'h') | fi_equal(type, 's') |
				  fi_equal(type, 'd') | fi_equal(type, 'm')))
		return FI_NO;
	grade = fi_seek(w, ',', 0, colon) && !fi_port(w, 8125) ? FI_WEAK : FI_FAIR;
	end = bar + 1 + (type == 'm' && fi_at(w, bar + 1) == 's');
	if (w->len <= end)
		return w->whole && w->total == end && end > bar ? FI_HIT(grade, FI_CLIENT, 1, 0) : w->whole ? FI_NO : FI_MORE;
	type = fi_at(w, end);
	return type == '\n' || type == '\r' || type == '|' ? FI_HIT(grade, FI_CLIENT, 1, 0) : FI_NO;
}
