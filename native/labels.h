/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the first payload bytes of each end of a flow in order and has the protocols' label functions read them. Fed by
 * replay (packets) and by the ring buffer (samples). Bounded: so many flows, so many bytes; the flow that was silent
 * longest goes first. */
#ifndef FI_NATIVE_LABELS_H
#define FI_NATIVE_LABELS_H

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "label_side.h"

namespace flowident {

struct LabelLosses {
	uint64_t flows_evicted = 0; /* flows given up for want of room before they were complete */
	uint64_t bytes_dropped = 0; /* payload beyond a hole or a limit */
	uint64_t labels_dropped = 0; /* labels that did not fit a flow's record */
};

class LabelAssembler {
public:
	/* All labels of a flow so far, instead of those told before; none (len 0) when they were taken back. packed as in
	 * struct fi_labels. given_up: the flow had to go for want of room: do not add to it again, its beginning is gone. */
	using Emit = std::function<void(uint64_t flow, void *user, const uint8_t *packed, uint32_t len, bool given_up)>;

	LabelAssembler(size_t flows, size_t bytes, Emit emit);
	~LabelAssembler();
	LabelAssembler(const LabelAssembler &) = delete;
	LabelAssembler &operator=(const LabelAssembler &) = delete;

	/* More payload of a flow in the state it is in now. Returns true when no more is wanted from it (set
	 * FI_F_LABELLED). `user` is given back to emit. */
	bool add(const fi_flow &flow, const fi_tuple &tuple, const LabelInput &input, void *user = nullptr);
	/* The flow ended: reads what there is as the last bytes, emits, forgets. */
	void end(const fi_flow &flow, const fi_tuple &tuple);

	const LabelLosses &losses() const { return losses_; }
	size_t flows() const { return flows_.size(); }
	size_t bytes() const { return used_; }

	/* Bytes of a label-only protocol half in user space are wanted whole (QUIC): pass the sample on to JavaScript. */
	static bool wantsSample(const fi_flow &flow);

private:
	struct Flow;

	Flow &open(uint64_t id);
	void drop(uint64_t id);
	void makeRoom();
	void revise(Flow &f, const fi_verdict &now);
	void read(Flow &f, int end, bool last);
	bool finished(const Flow &f) const;
	void emit(Flow &f, bool given_up = false);

	size_t max_flows_;
	size_t max_bytes_;
	size_t used_ = 0;
	Emit emit_;
	LabelLosses losses_;
	std::list<uint64_t> order_; /* oldest use first */
	std::unordered_map<uint64_t, std::unique_ptr<Flow>> flows_;
};

} // namespace flowident

#endif
