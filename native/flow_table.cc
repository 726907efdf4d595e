/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_table.h"

namespace flowident {

namespace {

/* Multiply and fold: every input bit reaches every output bit. */
uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 m = static_cast<unsigned __int128>(a) * b;
	return static_cast<uint64_t>(m) ^ static_cast<uint64_t>(m >> 64);
}

} // namespace

FlowTable::FlowTable(uint32_t capacity, uint64_t seed) : capacity_(capacity < 16 ? 16 : capacity), mask_(4095), seed_(seed), cells_(4096) {}

/* Seeded, so that a capture cannot be made to put all its flows into one place. */
uint32_t FlowTable::hash(const fi_tuple &t) const
{
	uint64_t w[6] = {};

	memcpy(w, &t, sizeof(t));
	uint64_t h = mix(w[0] ^ seed_, w[1] ^ 0x9e3779b97f4a7c15ull);

	h = mix(w[2] ^ h, w[3] ^ 0xbf58476d1ce4e5b9ull);
	h = mix(w[4] ^ h, w[5] ^ 0x94d049bb133111ebull);
	return static_cast<uint32_t>(h ^ h >> 32);
}

void FlowTable::prefetchFlow(uint32_t hash) const
{
	const Cell &c = cells_[hash & mask_];

	if (c.slot) {
		const char *p = reinterpret_cast<const char *>(slot(c.slot - 1));
		__builtin_prefetch(p);
		__builtin_prefetch(p + 64);
		__builtin_prefetch(p + 128);
	}
}

FlowEntry *FlowTable::find(const fi_tuple &t, uint32_t hash) const
{
	for (uint32_t i = hash & mask_; cells_[i].slot; i = (i + 1) & mask_) {
		if (cells_[i].hash != hash)
			continue;
		FlowEntry *e = slot(cells_[i].slot - 1);

		if (memcmp(&e->tuple, &t, sizeof(t)) == 0)
			return e;
	}
	return nullptr;
}

void FlowTable::grow()
{
	std::vector<Cell> old(cells_.size() * 2);

	old.swap(cells_);
	mask_ = static_cast<uint32_t>(cells_.size() - 1);
	for (const Cell &c : old) {
		if (!c.slot)
			continue;
		uint32_t i = c.hash & mask_;

		while (cells_[i].slot)
			i = (i + 1) & mask_;
		cells_[i] = c;
	}
}

FlowEntry *FlowTable::insert(const fi_tuple &t, uint32_t hash)
{
	uint32_t n;

	if (size_ >= capacity_)
		return nullptr;
	if ((size_ + 1) * 2ull > cells_.size())
		grow();
	if (!free_.empty()) {
		n = free_.back();
		free_.pop_back();
	} else {
		n = slots_++;
		if (n / kBlock >= blocks_.size())
			blocks_.push_back(std::make_unique<FlowEntry[]>(kBlock));
	}
	uint32_t i = hash & mask_;

	while (cells_[i].slot)
		i = (i + 1) & mask_;
	cells_[i] = {hash, n + 1};
	FlowEntry *e = slot(n);

	memset(e, 0, sizeof(*e));
	e->tuple = t;
	e->hash = hash;
	e->used = true;
	size_++;
	return e;
}

void FlowTable::erase(FlowEntry *e)
{
	uint32_t i = e->hash & mask_;

	while (cells_[i].slot == 0 || slot(cells_[i].slot - 1) != e)
		i = (i + 1) & mask_;
	free_.push_back(cells_[i].slot - 1);
	e->used = false;
	size_--;
	/* Cells behind that may stand in the gap move up. */
	for (uint32_t j = (i + 1) & mask_; cells_[j].slot; j = (j + 1) & mask_) {
		uint32_t home = cells_[j].hash & mask_;

		if (((j - home) & mask_) >= ((j - i) & mask_)) {
			cells_[i] = cells_[j];
			i = j;
		}
	}
	cells_[i].slot = 0;
}

} // namespace flowident
