/* SPDX-License-Identifier: Apache-2.0 */
#include "labels.h"

#include <cstring>

namespace flowident {

namespace {

constexpr uint32_t kDatagrams = 8; /* of one end; labels sit in the first messages */

} // namespace

struct LabelAssembler::Flow {
	LabelSide side[2];
	fi_flow state = {};
	fi_tuple tuple = {};
	fi_labels labels = {};
	uint32_t emitted = 0; /* bytes of labels when last emitted */
	size_t charged = 0;
	void *user = nullptr;
	std::list<uint64_t>::iterator place;
};

LabelAssembler::LabelAssembler(size_t flows, size_t bytes, Emit emit)
	: max_flows_(flows), max_bytes_(bytes), emit_(std::move(emit))
{
}

LabelAssembler::~LabelAssembler() = default;

LabelAssembler::Flow &LabelAssembler::open(uint64_t id)
{
	auto it = flows_.find(id);

	if (it != flows_.end()) {
		order_.splice(order_.end(), order_, it->second->place);
		return *it->second;
	}
	auto made = std::make_unique<Flow>();
	Flow &f = *made;

	f.place = order_.insert(order_.end(), id);
	f.charged = sizeof(Flow);
	used_ += f.charged;
	flows_.emplace(id, std::move(made));
	return f;
}

void LabelAssembler::drop(uint64_t id)
{
	auto it = flows_.find(id);

	if (it == flows_.end())
		return;
	used_ -= it->second->charged;
	order_.erase(it->second->place);
	flows_.erase(it);
}

/* Keeps the newest flow in any case. */
void LabelAssembler::makeRoom()
{
	while (order_.size() > 1 && (flows_.size() > max_flows_ || used_ > max_bytes_)) {
		Flow &f = *flows_.at(order_.front());

		if (!finished(f))
			losses_.flows_evicted++;
		for (int end = 0; end < 2; end++)
			read(f, end, true);
		emit(f, true);
		drop(order_.front());
	}
}

/* Reads the labels of every layer that has some. last: no more bytes will come from this end. */
void LabelAssembler::read(Flow &f, int end, bool last)
{
	LabelSide &s = f.side[end];
	const fi_verdict &v = f.state.verdict;
	bool server = end != fi_core_source(&f.state);

	last |= s.full;
	for (int k = 0; k < v.depth && k < FI_LAYERS && s.have; k++) {
		if (!s.found[k])
			s.locate(k, end, f.state, f.tuple);
		if (!s.found[k] && last && k && s.found[k - 1] && FI_ANSWER_KIND(s.ask(v.layer[k], 0, s.layer_at[k - 1], end, f.state, f.tuple))) {
			s.layer_at[k] = s.layer_at[k - 1];
			s.found[k] = true;
		}
		if (!s.found[k] || s.done[k] || !fi_core_has_labels(v.layer[k]) || s.layer_at[k] >= s.have)
			continue;
		fi_text text = {s.bytes.data() + s.layer_at[k], s.have - s.layer_at[k], static_cast<__u8>(server ? FI_SERVER : FI_CLIENT),
				static_cast<__u8>(f.tuple.l4 == FI_UDP), f.tuple.l4, static_cast<__u8>(last)};

		if (fi_core_labels(v.layer[k], &text, &f.labels) || last)
			s.done[k] = true;
	}
}

/* Every layer of both ends is read, and none will be added. */
bool LabelAssembler::finished(const Flow &f) const
{
	const fi_verdict &v = f.state.verdict;
	bool open = fi_core_open(&f.state), wanted = false;

	for (int end = 0; end < 2; end++) {
		const LabelSide &s = f.side[end];

		if (s.full || s.datagrams >= kDatagrams)
			continue;
		wanted |= open;
		for (int k = 0; k < v.depth && k < FI_LAYERS; k++)
			wanted |= fi_core_has_labels(v.layer[k]) && !s.done[k];
	}
	return !wanted;
}

void LabelAssembler::emit(Flow &f, bool given_up)
{
	if (f.labels.used <= f.emitted && !given_up)
		return;
	f.emitted = f.labels.used;
	emit_(f.state.id, f.user, f.labels.bytes, f.labels.used, given_up);
}

/* The stack changed: new layers are read; when one was replaced or withdrawn, what it said is no fact any more. */
void LabelAssembler::revise(Flow &f, const fi_verdict &now)
{
	bool replaced = false;

	for (int k = 0; k < FI_LAYERS; k++) {
		if (f.state.verdict.layer[k] == now.layer[k] && (k < f.state.verdict.depth) == (k < now.depth))
			continue;
		replaced |= k < f.state.verdict.depth;
		for (LabelSide &s : f.side)
			s.found[k] = s.done[k] = false;
	}
	if (!replaced)
		return;
	for (LabelSide &s : f.side)
		memset(s.done, 0, sizeof(s.done));
	if (f.emitted)
		emit_(f.state.id, f.user, f.labels.bytes, 0, false);
	f.labels.used = f.emitted = 0;
}

bool LabelAssembler::add(const fi_flow &flow, const fi_tuple &tuple, const LabelInput &input, void *user)
{
	if (flow.state == FI_S_DONE && !flow.verdict.depth) {
		drop(flow.id);
		return true;
	}
	Flow &f = open(flow.id);

	revise(f, flow.verdict);
	f.state = flow;
	f.tuple = tuple;
	f.user = user;
	uint32_t lost = f.labels.lost;

	if (input.whole && flow.verdict.depth) /* the one kept while undecided, before it is replaced */
		read(f, input.end, false);
	size_t before = f.side[input.end].bytes.capacity();

	losses_.bytes_dropped += f.side[input.end].store(input, flow.verdict.depth != 0);
	f.charged += f.side[input.end].bytes.capacity() - before;
	used_ += f.side[input.end].bytes.capacity() - before;
	for (int end = 0; end < 2; end++)
		read(f, end, false);
	losses_.labels_dropped += f.labels.lost - lost;
	emit(f);
	if (finished(f)) {
		drop(flow.id);
		return true;
	}
	makeRoom();
	return false;
}

void LabelAssembler::end(const fi_flow &flow, const fi_tuple &tuple)
{
	auto it = flows_.find(flow.id);

	if (it == flows_.end())
		return;
	Flow &f = *it->second;

	revise(f, flow.verdict);
	f.state = flow;
	f.tuple = tuple;
	for (int end = 0; end < 2; end++)
		read(f, end, true);
	emit(f);
	drop(flow.id);
}

bool LabelAssembler::wantsSample(const fi_flow &flow)
{
	static const uint16_t quic = fi_core_protocol("quic");

	return quic && flow.verdict.depth && flow.verdict.layer[flow.verdict.depth - 1] == quic;
}

} // namespace flowident
