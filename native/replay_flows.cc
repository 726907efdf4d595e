/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a replayed flow: made, kept in bounds, given out as records. */
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "replay.h"

namespace flowident {

namespace {

constexpr size_t kPendingBlock = 64;
constexpr size_t kPendingBlocks = 1024; /* 65536 flows undecided at once: 68 MB */
constexpr size_t kLabelFlows = 65536;
constexpr size_t kLabelBuffers = 64u << 20;
constexpr size_t kLabelStore = 64u << 20; /* labels of flows that have not ended */
constexpr uint32_t kFragments = 4096;
constexpr uint64_t kClosedLinger = 30000000000ull; /* late packets of a closed connection */
constexpr size_t kTake = 256u << 10;

} // namespace

const fi_core_ops Replay::kOps = {Replay::keep, Replay::forget};

Replay::Replay(const ReplayOptions &options)
	: options_(options), table_(options.max_flows, options.seed),
	  labels_(kLabelFlows, kLabelBuffers,
		  [this](uint64_t, void *user, const uint8_t *packed, uint32_t len, bool given_up) {
			  auto *e = static_cast<FlowEntry *>(user);

			  if (given_up)
				  e->flow.flags |= FI_F_LABELLED;
			  if (len == 0 && given_up)
				  return; /* what was told before stands */
			  label_bytes_ -= e->labels_len;
			  free(e->labels);
			  e->labels = nullptr;
			  e->labels_len = 0;
			  if (len == 0 || label_bytes_ + len > kLabelStore)
				  return;
			  e->labels = static_cast<uint8_t *>(malloc(len));
			  if (!e->labels)
				  return;
			  memcpy(e->labels, packed, len);
			  e->labels_len = len;
			  label_bytes_ += len;
		  }),
	  fragments_(kFragments)
{
}

Replay::~Replay()
{
	for (uint32_t i = 0; i < table_.slots(); i++)
		if (table_.slot(i)->used)
			free(table_.slot(i)->labels);
}

fi_pending *Replay::keep(void *self)
{
	auto *r = static_cast<Replay *>(self);

	if (r->spare_.empty()) {
		if (r->pool_.size() >= kPendingBlocks)
			return nullptr;
		r->pool_.push_back(std::make_unique<fi_pending[]>(kPendingBlock));
		for (size_t i = 0; i < kPendingBlock; i++)
			r->spare_.push_back(&r->pool_.back()[i]);
	}
	fi_pending *p = r->spare_.back();

	r->spare_.pop_back();
	memset(p, 0, sizeof(*p));
	r->current_->pending = p;
	return p;
}

void Replay::forget(void *self)
{
	auto *r = static_cast<Replay *>(self);

	if (r->current_->pending)
		r->spare_.push_back(r->current_->pending);
	r->current_->pending = nullptr;
}

FlowEntry *Replay::flowOf(Slot &s)
{
	FlowEntry *e = table_.find(s.tuple, s.hash);

	if (e && fi_core_reused(&e->flow, s.end, &s.pkt)) {
		finish(e);
		e = nullptr;
	}
	if (e)
		return e;
	e = table_.insert(s.tuple, s.hash);
	if (!e) {
		evict();
		e = table_.insert(s.tuple, s.hash);
	}
	e->flow.id = ++ids_;
	e->flow.first_ns = s.time_ns;
	e->flow.ifindex = s.interface;
	e->flow.tunnel = s.pkt.tunnel;
	e->flow.vlan = s.pkt.vlan;
	fi_core_first(&e->flow, s.end);
	summary_.flows++;
	counters_[FI_C_FLOW_NEW]++;
	return e;
}

/* Gives out flows that have been idle, a few at a time: as many places as packets came. */
void Replay::sweep()
{
	uint64_t idle = options_.idle_seconds * 1000000000ull;

	for (int i = 0; i < kBatch && table_.slots(); i++) {
		if (hand_ >= table_.slots())
			hand_ = 0;
		FlowEntry *e = table_.slot(hand_++);
		uint64_t last = e->flow.last_ns;

		if (e->used && now_ns_ > last && now_ns_ - last > (e->flow.flags & FI_F_CLOSED ? kClosedLinger : idle))
			finish(e);
	}
}

/* The table is full: the idlest of some gives way. Its packets are all accounted; should it go on, it is a new flow. */
void Replay::evict()
{
	FlowEntry *oldest = nullptr;

	for (int i = 0; i < 2 * kBatch || !oldest; i++) {
		if (hand_ >= table_.slots())
			hand_ = 0;
		FlowEntry *e = table_.slot(hand_++);

		if (e->used && (!oldest || e->flow.last_ns < oldest->flow.last_ns))
			oldest = e;
	}
	summary_.evicted++;
	finish(oldest);
}

uint8_t *Replay::record(size_t size)
{
	size_t at = out_.size();

	out_.resize(at + ((size + 7) & ~size_t{7}));
	auto *head = reinterpret_cast<fi_head *>(out_.data() + at);

	head->size = static_cast<__u32>((size + 7) & ~size_t{7});
	head->now_ns = now_ns_;
	return out_.data() + at;
}

void Replay::finish(FlowEntry *e)
{
	current_ = e;
	if (e->pending)
		forget(this);
	labels_.end(e->flow, e->tuple);
	if (e->labels_len) {
		uint8_t *r = record(sizeof(fi_head) + 8 + e->labels_len);

		reinterpret_cast<fi_head *>(r)->type = FI_R_LABELS;
		memcpy(r + sizeof(fi_head), &e->flow.id, 8);
		memcpy(r + sizeof(fi_head) + 8, e->labels, e->labels_len);
	}
	label_bytes_ -= e->labels_len;
	free(e->labels);
	if (!e->flow.verdict.depth && e->flow.side[0].payload_packets + e->flow.side[1].payload_packets)
		counters_[FI_C_UNKNOWN]++;
	counters_[FI_C_FLOW_END]++;
	auto *r = reinterpret_cast<fi_record *>(record(sizeof(fi_record)));

	r->head.type = FI_R_END;
	r->tuple = e->tuple;
	r->flow = e->flow;
	r->flow.state = FI_S_ENDED;
	table_.erase(e);
}

/* The datagram itself, for the half of a protocol that lives in TypeScript. */
void Replay::sample(const FlowEntry *e, const Slot &s)
{
	uint32_t len = s.pkt.cap_len - s.pkt.payload_off;

	if (len > s.pkt.payload_len)
		len = s.pkt.payload_len;
	if (len > FI_SAMPLE)
		len = FI_SAMPLE;
	auto *r = reinterpret_cast<fi_sample *>(record(offsetof(fi_sample, data) + len));

	r->record.head.type = FI_R_SAMPLE;
	r->record.tuple = e->tuple;
	r->record.flow = e->flow;
	r->len = static_cast<__u16>(len);
	r->end = static_cast<__u8>(s.end);
	r->whole = 1;
	memcpy(r->data, s.pkt.hdr + s.pkt.payload_off, len);
}

std::vector<uint8_t> Replay::take()
{
	if (ended_)
		for (; hand_ < table_.slots() && out_.size() < kTake; hand_++)
			if (table_.slot(hand_)->used)
				finish(table_.slot(hand_));
	std::vector<uint8_t> batch;

	batch.swap(out_);
	return batch;
}

} // namespace flowident
