/* SPDX-License-Identifier: Apache-2.0 */
/* Capture in, flow records out: the user-space twin of the kernel taps. Memory does not grow with the file: flows,
 * first bytes, fragments and labels are bounded, idle flows are given out as the capture's own time goes by. */
#ifndef FI_NATIVE_REPLAY_H
#define FI_NATIVE_REPLAY_H

#include <string>
#include <vector>

#include "capture.h"
#include "flow_table.h"
#include "labels.h"

namespace flowident {

struct ReplayOptions {
	uint32_t max_flows = 500000; /* 128 MB */
	uint32_t idle_seconds = 600;
	uint64_t seed = 0;
	std::vector<uint8_t> packs; /* struct fi_packs, empty = none */
};

struct ReplaySummary {
	uint64_t packets = 0;
	uint64_t bytes = 0; /* on the wire */
	uint64_t flows = 0; /* begun */
	uint64_t evicted = 0; /* given out early for want of room */
	uint64_t link_unknown = 0; /* packets of a link type that is not read */
	uint64_t cut = 0; /* packets that the capture shortened */
	uint16_t link = 0; /* link type of the first packet, for messages */
	uint64_t first_ns = 0;
	uint64_t last_ns = 0;
};

class Replay {
public:
	explicit Replay(const ReplayOptions &options);
	~Replay();
	Replay(const Replay &) = delete;
	Replay &operator=(const Replay &) = delete;

	void feed(const uint8_t *data, size_t len);
	void end();
	/* Records ready to be read: struct fi_record and friends. After end(), more come until it is empty. */
	std::vector<uint8_t> take();

	const __u64 *counters() const { return counters_; }
	const ReplaySummary &summary() const { return summary_; }
	const Capture &capture() const { return capture_; }
	const LabelLosses &labelLosses() const { return labels_.losses(); }

private:
	static constexpr int kBatch = 32;
	struct Slot { /* a packet between parsing and accounting */
		fi_pkt pkt;
		fi_tuple tuple;
		uint64_t time_ns;
		uint32_t hash;
		uint32_t interface;
		int end;
	};
	struct Fragment {
		uint8_t addr[2][16];
		uint32_t id, zone;
		uint32_t l4;
		__be16 port_be[2];
	};

	void parse(const CapturePacket &p);
	bool fragment(fi_pkt *p);
	void flush();
	void account(Slot &s);
	FlowEntry *flowOf(Slot &s);
	void payload(FlowEntry *e, Slot &s);
	void sweep();
	void evict();
	void finish(FlowEntry *e);
	void sample(const FlowEntry *e, const Slot &s);
	uint8_t *record(size_t size);

	static fi_pending *keep(void *self);
	static void forget(void *self);
	static const fi_core_ops kOps;

	ReplayOptions options_;
	Capture capture_;
	FlowTable table_;
	LabelAssembler labels_;
	ReplaySummary summary_;
	__u64 counters_[FI_C_MAX] = {};
	uint64_t ids_ = 0;
	uint64_t now_ns_ = 0;
	uint32_t hand_ = 0; /* of the idle sweep */
	uint64_t swept_ = 0;
	bool ended_ = false;
	Slot batch_[kBatch];
	int batched_ = 0;
	FlowEntry *current_ = nullptr;
	std::vector<fi_pending *> spare_;
	std::vector<std::unique_ptr<fi_pending[]>> pool_;
	std::vector<Fragment> fragments_;
	size_t label_bytes_ = 0;
	std::vector<uint8_t> out_;
};

} // namespace flowident

#endif
