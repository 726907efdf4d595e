/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary packets through everything: link header, parser, fragments, flow table, window, signatures, verdict, labels.
 * Input: one byte link type, then packets: u8 flags, u16 length, bytes. */
#include "../../native/replay.h"
#include "fuzz.h"

using namespace flowident;

static const uint16_t kLinks[] = {1, 0, 9, 12, 14, 50, 51, 101, 105, 108, 113, 127, 192, 228, 229, 276};

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input in = {data, size};
	ReplayOptions options;

	options.max_flows = 32; /* so that flows have to give way */
	Replay replay(options);
	uint32_t head[6] = {0xa1b2c3d4, 4u << 16 | 2, 0, 0, 262144, kLinks[in.u8() % (sizeof(kLinks) / sizeof(*kLinks))]};

	replay.feed(reinterpret_cast<const uint8_t *>(head), sizeof(head));
	for (uint32_t time = 1; in.left > 3; time++) {
		uint8_t flags = in.u8();
		size_t n = in.u16();

		if (n > in.left)
			n = in.left;
		if (flags & 1)
			time += 1000; /* idle flows end */
		uint32_t wire = static_cast<uint32_t>(n) + (flags & 2 ? in.u8() : 0);
		if (n > in.left)
			n = in.left;
		uint32_t record[4] = {time, 0, static_cast<uint32_t>(n), wire};
		auto frame = fuzz::exact(in.take(n), n);

		replay.feed(reinterpret_cast<const uint8_t *>(record), sizeof(record));
		replay.feed(frame.get(), n); /* whole in this buffer: the parser reads it in place */
		if (flags & 4)
			replay.take();
	}
	replay.end();
	while (!replay.take().empty())
		;
	const ReplaySummary &s = replay.summary();
	const __u64 *c = replay.counters();

	if (c[FI_C_FLOW_NEW] != c[FI_C_FLOW_END])
		fuzz::broken("flows begun and ended differ");
	if (s.flows != c[FI_C_FLOW_NEW])
		fuzz::broken("flows counted twice or not at all");
	return 0;
}
