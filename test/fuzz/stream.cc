/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection, its bytes cut into segments, sent again and swapped as the fuzzer chooses, through window, signatures
 * and verdict. Promise checked: whatever the cuts, a stream that is identified by exact magic (STRONG) when it comes in one
 * piece is identified as the same.
 * What only one piece or neither can show (weak evidence, transitions) is left out.
 * Input: u8 flags, u32 seed of the cuts, u16 server port, u16 client bytes, bytes of the client, bytes of the server. */
#include <algorithm>
#include <vector>

#include "../../native/core.h"
#include "fuzz.h"

namespace {

constexpr size_t kPackets = 64; /* FI_ONE_WAY of bpf/lib/engine.h: what is looked at while one end is silent */

struct Segment {
	int end;
	uint32_t at, len;
};

struct Connection {
	fi_flow flow = {};
	fi_tuple tuple = {};
	fi_pending pending = {};
	bool kept = false;
	__u64 counters[FI_C_MAX] = {};
	const uint8_t *bytes[2];
	uint32_t len[2];

	static fi_pending *keep(void *self)
	{
		auto *c = static_cast<Connection *>(self);

		c->kept = true;
		c->pending = {};
		return &c->pending;
	}
	static void forget(void *self) { static_cast<Connection *>(self)->kept = false; }

	void packet(int end, uint32_t at, uint32_t n, uint8_t flags)
	{
		static const fi_core_ops ops = {keep, forget};
		fi_pkt p = {};
		auto payload = fuzz::exact(bytes[end] + at, n);
		fi_core core = {&ops, this, kept ? &pending : nullptr, counters};

		p.tuple = tuple;
		p.hdr = payload.get();
		p.hdr_len = p.cap_len = p.wire_len = p.payload_len = n;
		/* near the wrap of sequence numbers */
		p.seq = 0xffffff80u + static_cast<uint32_t>(end) * 64 + at + (flags & FI_TH_SYN ? 0 : 1);
		p.tcp_flags = flags;
		fi_core_tcp(&flow, end, &p);
		if (n)
			fi_core_payload(&core, &flow, end, &tuple, &p);
	}
	void check() const
	{
		const fi_verdict &v = flow.verdict;

		if (v.depth > FI_LAYERS || v.fixed > v.depth || (v.depth && v.named >= v.depth))
			fuzz::broken("stack out of bounds");
		for (int i = 0; i < v.depth; i++)
			if (!v.layer[i])
				fuzz::broken("a layer without a name");
	}
};

std::vector<Segment> cut(fuzz::Random &random, const uint32_t *len, int mode)
{
	std::vector<Segment> out;
	uint32_t at[2] = {0, 0};
	uint32_t most = mode == 0 ? 1 : mode == 1 ? 7 : 1 + random.below(200);

	while (at[0] < len[0] || at[1] < len[1]) {
		int end = at[0] < len[0] ? 0 : 1; /* the client's bytes first, as in one piece */
		uint32_t n = std::min(len[end] - at[end], mode < 2 ? most : 1 + random.below(most));

		out.push_back({end, at[end], n});
		at[end] += n;
	}
	return out;
}

/* More packets may show more transitions, never another beginning. */
bool begins(const fi_verdict &a, const fi_verdict &b)
{
	return a.depth <= b.depth && !memcmp(a.layer, b.layer, sizeof(a.layer[0]) * a.depth);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz::Input in = {data, size};
	uint8_t flags = in.u8();
	fuzz::Random random = {in.u32() | 1};
	uint16_t port = in.u16();
	uint32_t client = in.u16() % (FI_WINDOW + 1);
	Connection whole, parts;

	client = std::min<uint32_t>(client, static_cast<uint32_t>(in.left));
	whole.len[0] = client;
	whole.bytes[0] = in.take(client);
	whole.len[1] = std::min<uint32_t>(FI_WINDOW, static_cast<uint32_t>(in.left));
	whole.bytes[1] = in.take(whole.len[1]);
	whole.tuple.l4 = FI_TCP;
	whole.tuple.net = 4;
	whole.tuple.port_be[0] = __builtin_bswap16(40000);
	whole.tuple.port_be[1] = __builtin_bswap16(port);
	parts = whole;
	std::vector<Segment> segments = cut(random, parts.len, flags >> 3 & 3);
	bool lost = false;

	for (Connection *c : {&whole, &parts}) {
		if (flags & 1) { /* else joined mid-stream */
			c->packet(0, 0, 0, FI_TH_SYN);
			c->packet(1, 0, 0, FI_TH_SYN | FI_TH_ACK);
		}
	}
	for (int end = 0; end < 2; end++)
		if (whole.len[end])
			whole.packet(end, 0, whole.len[end], FI_TH_ACK);
	whole.check();
	for (size_t i = 0; i < segments.size(); i++) {
		if (flags & 2 && i + 1 < segments.size() && segments[i].end == segments[i + 1].end && random.below(4) == 0) {
			std::swap(segments[i], segments[i + 1]); /* overtaken by the next */
			parts.packet(segments[i].end, segments[i].at, segments[i].len, FI_TH_ACK);
			i++;
		}
		Segment s = segments[i];

		if (flags & 4 && random.below(4) == 0) { /* sent again, with bytes before it */
			uint32_t back = std::min<uint32_t>(s.at, random.below(20));

			parts.packet(s.end, s.at - back, back + random.below(s.len + 1), FI_TH_ACK);
		}
		if (flags & 32 && random.below(8) == 0) {
			lost = true;
			continue;
		}
		parts.packet(s.end, s.at, s.len, FI_TH_ACK);
		parts.check();
	}
	if (!fuzz::promises() || !(flags & 1) || lost || !whole.flow.verdict.depth || segments.size() > kPackets)
		return 0; /* more packets than are looked at, by design */
	for (int end = 0; end < 2; end++) /* in bytes that say nothing, what is found may depend on where one looks */
		if (whole.len[end] && whole.flow.side[end].grade < FI_STRONG)
			return 0;
	bool same = true; /* a grade that grows with the bytes may stay lower, but the protocol is the same */

	for (int end = 0; end < 2; end++)
		same &= !whole.len[end] || parts.flow.side[end].best == whole.flow.side[end].best;
	if (same)
		return 0;
	if (whole.flow.verdict.conflicts || begins(whole.flow.verdict, parts.flow.verdict))
		return 0;
	fprintf(stderr, "in one piece:");
	for (int i = 0; i < whole.flow.verdict.depth; i++)
		fprintf(stderr, " %u", whole.flow.verdict.layer[i]);
	fprintf(stderr, "; in %zu:", segments.size());
	for (int i = 0; i < parts.flow.verdict.depth; i++)
		fprintf(stderr, " %u", parts.flow.verdict.layer[i]);
	fprintf(stderr, "\n");
	fuzz::broken("the verdict depends on how TCP cut the stream");
}
