/* SPDX-License-Identifier: Apache-2.0 */
#include <cstring>

#include "ring.h"

namespace flowident {

namespace {

constexpr size_t kLabelFlows = 8192;
constexpr size_t kLabelBytes = 24u << 20;
constexpr size_t kComplete = 16384;
constexpr size_t kSampleHead = offsetof(fi_sample, data);

} // namespace

RecordSink::RecordSink(uint8_t *out)
	: out_(out), labels_(kLabelFlows, kLabelBytes, [this](uint64_t flow, void *, const uint8_t *packed, uint32_t len, bool given_up) {
		if (given_up)
			remember(flow);
		if (len || !given_up)
			labels(flow, packed, len);
	})
{
}

void RecordSink::copy(const uint8_t *record, size_t size)
{
	size_t padded = (size + 7) & ~static_cast<size_t>(7);

	if (used_ + padded > kCapacity) /* a record no abi.h has */
		return;
	memcpy(out_ + used_, record, size);
	memset(out_ + used_ + size, 0, padded - size);
	used_ += padded;
}

/* struct fi_head, the flow's id, packed labels */
void RecordSink::labels(uint64_t flow, const uint8_t *packed, uint32_t len)
{
	uint8_t record[sizeof(fi_head) + 8 + sizeof(fi_labels::bytes)];
	fi_head head = {};

	if (len > sizeof(fi_labels::bytes))
		len = sizeof(fi_labels::bytes);
	head.type = FI_R_LABELS;
	head.size = static_cast<__u32>(sizeof(head) + 8 + len);
	memcpy(record, &head, sizeof(head));
	memcpy(record + sizeof(head), &flow, 8);
	memcpy(record + sizeof(head) + 8, packed, len);
	copy(record, head.size);
}

void RecordSink::remember(uint64_t flow)
{
	if (!complete_.insert(flow).second)
		return;
	order_.push_back(flow);
	if (order_.size() > kComplete) {
		complete_.erase(order_.front());
		order_.pop_front();
	}
}

void RecordSink::sample(const uint8_t *record, size_t size)
{
	fi_record r;
	uint32_t at;
	uint16_t len;

	memcpy(&r, record, sizeof(r));
	memcpy(&at, record + offsetof(fi_sample, at), 4);
	memcpy(&len, record + offsetof(fi_sample, len), 2);
	if (len > size - kSampleHead)
		len = static_cast<uint16_t>(size - kSampleHead);
	if (LabelAssembler::wantsSample(r.flow))
		copy(record, kSampleHead + len);
	if (complete_.count(r.flow.id))
		return;
	LabelInput input = {record + kSampleHead, len, at, static_cast<uint8_t>(record[offsetof(fi_sample, end)] & 1), record[offsetof(fi_sample, whole)] != 0};

	if (labels_.add(r.flow, r.tuple, input))
		remember(r.flow.id);
}

void RecordSink::add(const uint8_t *record, size_t size)
{
	fi_head head;

	if (size < sizeof(head))
		return;
	memcpy(&head, record, sizeof(head));
	/* A sample is reserved in one of two sizes: the head says how much of it counts. */
	if (head.size < sizeof(head) || head.size > size)
		return;
	size = head.size;
	if (head.type == FI_R_SAMPLE) {
		if (size >= kSampleHead)
			sample(record, size);
		return;
	}
	if (head.type == FI_R_END && size >= sizeof(fi_record)) {
		fi_record r;

		memcpy(&r, record, sizeof(r));
		labels_.end(r.flow, r.tuple); /* its labels come before its end */
	}
	copy(record, size);
}

} // namespace flowident
