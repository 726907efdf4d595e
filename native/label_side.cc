/* SPDX-License-Identifier: Apache-2.0 */
#include "label_side.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace flowident {

uint32_t LabelSide::store(const LabelInput &in, bool decided)
{
	uint32_t at = in.whole ? 0 : in.at, len = in.len, lost = 0;

	if (in.whole) {
		datagrams++;
		if (have && !decided)
			return 0; /* the first one is kept until it can be read */
		have = 0;
		nstarts = 0;
		memset(found, 0, sizeof(found));
	}
	if (at >= kLimit)
		return len;
	if (len > kLimit - at) {
		lost = len - (kLimit - at);
		len = kLimit - at;
	}
	if (nstarts < kStarts && at >= have)
		starts[nstarts++] = at;
	uint32_t skip = at < have ? std::min(have - at, len) : 0;

	at += skip;
	len -= skip;
	if (len == 0)
		return lost;
	if (at > have && ranges == kRanges)
		return lost + len;
	if (bytes.size() < at + len)
		bytes.resize(at + len);
	memcpy(bytes.data() + at, in.data + skip, len);
	if (at > have) {
		beyond[ranges++] = {at, at + len};
		return lost;
	}
	have = at + len;
	for (int i = 0; i < ranges;) { /* a filled hole joins what lay beyond it */
		if (beyond[i].lo > have) {
			i++;
			continue;
		}
		have = std::max(have, beyond[i].hi);
		beyond[i] = beyond[--ranges];
		i = 0;
	}
	full |= have >= kLimit;
	return lost;
}

fi_answer LabelSide::ask(uint16_t id, uint16_t below, uint32_t at, int end, const fi_flow &f, const fi_tuple &t) const
{
	fi_win w;
	uint32_t n = have - at;

	memset(&w, 0, offsetof(fi_win, data));
	w.len = std::min<uint32_t>(n, FI_WINDOW);
	w.total = n;
	w.l4 = t.l4;
	w.whole = t.l4 == FI_UDP;
	w.start = 1;
	w.from = end == fi_core_source(&f) ? FI_CLIENT : FI_SERVER;
	w.sport_be = t.port_be[end];
	w.dport_be = t.port_be[!end];
	w.below = below;
	memcpy(w.data, bytes.data() + at, w.len);
	memset(w.data + w.len, 0, sizeof(w.data) - w.len);
	return fi_core_ask(id, &w);
}

void LabelSide::locate(int k, int end, const fi_flow &f, const fi_tuple &t)
{
	const fi_verdict &v = f.verdict;
	uint16_t id = v.layer[k], below = k ? v.layer[k - 1] : 0;
	bool mid = k == 0 && nstarts && f.side[end].flags & FI_D_MID && !(f.side[end].flags & FI_D_SYN);
	uint32_t base = k ? layer_at[k - 1] : 0;

	if (k && !found[k - 1])
		return;
	auto settle = [&](uint32_t at) {
		layer_at[k] = at;
		found[k] = true;
	};

	if (k == 0 && !mid)
		return settle(0);
	if (base < have) {
		if (k) {
			uint32_t skip = FI_ANSWER_SKIP(ask(below, k > 1 ? v.layer[k - 2] : 0, base, end, f, t));

			if (skip && skip < have - base)
				return settle(base + skip);
		}
		if (FI_ANSWER_KIND(ask(id, k > 1 ? v.layer[k - 2] : 0, base, end, f, t)) >= 2)
			return settle(base);
	}
	for (int i = 0; i < nstarts; i++)
		if (starts[i] > base && starts[i] < have && FI_ANSWER_KIND(ask(id, below, starts[i], end, f, t)) >= 2)
			return settle(starts[i]);
}

} // namespace flowident
