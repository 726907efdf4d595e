/* SPDX-License-Identifier: Apache-2.0 */
/* Every signature on any window. Two promises of bpf/sig.h are checked: bytes beyond the window's length do not matter, and
 * NO to the first bytes of a stream is NO whatever follows.
 * Input: u8 flags, u8 from, u16 source port, u16 destination port, u16 length of the prefix, bytes. */
#include "../../native/core.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input in = {data, size};
	static fi_win w, other;
	static __u64 pairs[2 * FI_CORE_ANSWERS], again[2 * FI_CORE_ANSWERS];
	uint8_t flags = in.u8(), from = in.u8() % 3;
	uint16_t sport = in.u16(), dport = in.u16(), prefix = in.u16();
	uint32_t n = in.left > FI_WINDOW ? FI_WINDOW : static_cast<uint32_t>(in.left);

	memset(&w, 0, sizeof(w));
	w.l4 = flags & 1 ? FI_UDP : FI_TCP;
	w.whole = flags & 1;
	w.start = w.whole || flags >> 1 & 1;
	w.at = flags & 4 ? (flags >> 3) * 7 : 0;
	w.from = from;
	w.sport_be = __builtin_bswap16(sport);
	w.dport_be = __builtin_bswap16(dport);
	w.len = n;
	w.total = static_cast<uint32_t>(in.left);
	memcpy(w.data + w.at, in.at, n);
	other = w;
	memset(other.data + other.at + n, 0x55, sizeof(other.data) - other.at - n);
	memset(other.data, 0xaa, other.at);
	int answers = fi_core_ask_all(&w, pairs), same = fi_core_ask_all(&other, again);

	if (answers != same || memcmp(pairs, again, 16 * static_cast<size_t>(answers)))
		fuzz::broken("bytes outside the window change an answer");
	if (!fuzz::promises() || w.l4 != FI_TCP || !w.start || prefix >= n || !prefix)
		return 0;
	other.len = other.total = prefix;
	int early = fi_core_ask_all(&other, again);

	for (int i = 0; i < answers; i++) {
		int found = FI_ANSWER_KIND(pairs[2 * i + 1]) != 2; /* MORE after NO costs time, but names nothing */

		for (int k = 0; k < early; k++)
			found |= again[2 * k] == pairs[2 * i];
		if (!found) {
			fprintf(stderr, "protocol %u: no to %u bytes, not to %u\n", static_cast<unsigned>(pairs[2 * i]), prefix, n);
			fuzz::broken("no to a prefix is final");
		}
	}
	return 0;
}
