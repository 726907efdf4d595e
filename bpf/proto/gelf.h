/* SPDX-License-Identifier: Apache-2.0 */
/* GELF, Graylog's log messages: JSON with "version" and "short_message"; over UDP also in chunks. A compressed message
 * looks like any compressed data and is not claimed. */
#include "walk.h"

FI_PROTO(gelf, 128, 50, FI_TCP | FI_UDP, "Graylog Extended Log Format", FI_PORTS(12201), FI_THEN());

#define FI_GELF_CHUNKS 128

/* FI_SIGNATURES 1 "message" 2 "chunk" */
FI_SIG(gelf)
{
	FI_CHECK(w);
	__u32 end, n;

	/* 1e 0f, eight bytes of identity, number, count */
	if (w->whole && fi_be16(w, 0) == 0x1e0f)
		return w->total > 12 && fi_at(w, 11) >= 2 && fi_at(w, 11) <= FI_GELF_CHUNKS && fi_at(w, 10) < fi_at(w, 11) ?
			       FI_HIT(fi_port(w, 12201) ? FI_FAIR : FI_WEAK, FI_CLIENT, 2, 0) :
			       FI_NO;
	if (fi_at(w, 0) != '{')
		return w->len ? FI_NO : FI_MORE;
	/* a message ends in a zero: what is behind is another one */
	end = fi_seek(w, 0, 0, FI_SCAN);
	n = end ? end : FI_SCAN;
	if (fi_has_eight(w, 0x2276657273696f6eull, n) && fi_has_eight(w, 0x2273686f72745f6dull, n)) /* "version "short_m */
		return FI_HIT(FI_STRONG, FI_CLIENT, 1, 0);
	return w->whole || end || w->len >= FI_SCAN + 8 ? FI_NO : FI_MORE;
}
