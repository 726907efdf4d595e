/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files, well-formed or not, in chunks of any size. However a file is cut into chunks, the same packets come out.
 * Input: u32 seed of the cuts, then the file. */
#include <vector>

#include "../../native/capture.h"
#include "fuzz.h"

using namespace flowident;

namespace {

struct Seen {
	uint64_t packets = 0, sum = 0;
	std::string problem;
};

void drain(Capture &c, Seen &s)
{
	CapturePacket p;

	while (c.next(&p)) {
		s.packets++;
		for (uint64_t v : {uint64_t{p.captured}, uint64_t{p.wire}, p.time_ns, uint64_t{p.interface}, uint64_t{p.link}})
			s.sum = (s.sum ^ v) * 0x9e3779b97f4a7c15ull;
		for (uint32_t i = 0; i < p.captured; i++)
			s.sum = (s.sum ^ p.data[i]) * 0x100000001b3ull;
	}
	c.hold();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input in = {data, size};
	fuzz::Random random = {in.u32() | 1};
	uint32_t most = 1 + random.below(random.next() & 1 ? 8 : 2000);
	auto file = fuzz::exact(in.at, in.left);
	Seen whole, cut;
	Capture one, many;

	one.push(file.get(), in.left);
	drain(one, whole);
	one.finish();
	for (size_t at = 0; at < in.left;) {
		size_t n = 1 + random.below(most);

		if (n > in.left - at)
			n = in.left - at;
		auto chunk = fuzz::exact(file.get() + at, n);

		many.push(chunk.get(), n);
		drain(many, cut);
		at += n;
	}
	many.finish();
	if (whole.packets != cut.packets || whole.sum != cut.sum)
		fuzz::broken("packets depend on how the file was cut");
	if (one.problem() != many.problem() || one.foreign() != many.foreign())
		fuzz::broken("what is wrong with the file depends on how it was cut");
	return 0;
}
