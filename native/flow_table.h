/* SPDX-License-Identifier: Apache-2.0 */
/* Flows by tuple: open addressing over (hash, slot) cells, flows in blocks that never move. Bounded; no allocation per
 * packet. Deletion shifts cells back, so that there are no tombstones to grow. */
#ifndef FI_NATIVE_FLOW_TABLE_H
#define FI_NATIVE_FLOW_TABLE_H

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "core.h"

namespace flowident {

struct FlowEntry {
	fi_tuple tuple; /* end 0 is the lower (address, port) */
	uint32_t hash;
	fi_flow flow;
	fi_pending *pending; /* from the replay's pool */
	uint8_t *labels; /* packed; malloc */
	uint32_t labels_len;
	bool used;
};

class FlowTable {
public:
	explicit FlowTable(uint32_t capacity, uint64_t seed);

	uint32_t hash(const fi_tuple &t) const;
	void prefetchCell(uint32_t hash) const { __builtin_prefetch(&cells_[hash & mask_]); }
	/* The slot that the first cell names, most probably the right one. */
	void prefetchFlow(uint32_t hash) const;
	FlowEntry *find(const fi_tuple &t, uint32_t hash) const;
	/* A zeroed entry; nullptr when full. The tuple must not be there yet. */
	FlowEntry *insert(const fi_tuple &t, uint32_t hash);
	void erase(FlowEntry *e);

	uint32_t size() const { return size_; }
	uint32_t capacity() const { return capacity_; }
	/* Slots ever used: to walk over, some may be free. */
	uint32_t slots() const { return slots_; }
	FlowEntry *slot(uint32_t i) const { return &blocks_[i / kBlock][i % kBlock]; }

private:
	static constexpr uint32_t kBlock = 1024;
	struct Cell {
		uint32_t hash;
		uint32_t slot; /* + 1; 0 = empty */
	};

	void grow();

	uint32_t capacity_;
	uint32_t size_ = 0;
	uint32_t slots_ = 0;
	uint32_t mask_;
	uint64_t seed_;
	std::vector<Cell> cells_;
	std::vector<std::unique_ptr<FlowEntry[]>> blocks_;
	std::vector<uint32_t> free_;
};

} // namespace flowident

#endif
