/* SPDX-License-Identifier: Apache-2.0 */
#include "replay.h"

#include <cstring>

#include "link.h"

namespace flowident {

namespace {

constexpr uint32_t kDeepPackets = 8; /* datagrams of one end handed to the user-space half of a protocol */

} // namespace

void Replay::feed(const uint8_t *data, size_t len)
{
	CapturePacket p;

	capture_.push(data, len);
	while (capture_.next(&p)) {
		parse(p);
		if (batched_ == kBatch)
			flush();
	}
	flush(); /* the views die with the chunk */
	capture_.hold();
}

void Replay::end()
{
	if (ended_)
		return;
	capture_.finish();
	ended_ = true;
	hand_ = 0;
}

/* Headers of one packet; what belongs to a flow waits in the batch, the rest is counted by cause. */
void Replay::parse(const CapturePacket &p)
{
	Slot &s = batch_[batched_];
	uint32_t off, next;

	if (summary_.packets++ == 0) {
		summary_.first_ns = p.time_ns;
		summary_.link = p.link;
	}
	summary_.bytes += p.wire;
	summary_.cut += p.captured < p.wire;
	summary_.last_ns = p.time_ns;
	counters_[FI_C_WIRE_RX]++;
	int err = linkHeader(p, &off, &next);

	if (err == kLinkUnknown) {
		summary_.link_unknown++;
		counters_[FI_C_NOT_IP]++;
		return;
	}
	if (!err)
		err = fi_core_parse(&s.pkt, p.data, p.captured, p.wire, off, next, FI_VIEW_REPLAY);
	if (!err && s.pkt.part != FI_PART_WHOLE && !fragment(&s.pkt))
		err = -FI_C_FRAGMENT_ORPHAN;
	if (err) {
		counters_[-err]++;
		return;
	}
	if (s.pkt.tunnels)
		counters_[FI_C_TUNNELLED]++;
	s.tuple = s.pkt.tuple;
	s.end = fi_core_normalise(&s.tuple);
	s.hash = table_.hash(s.tuple);
	s.time_ns = p.time_ns;
	s.interface = p.interface;
	table_.prefetchCell(s.hash);
	batched_++;
}

/* Later fragments have no ports: those of the first are remembered, one place per key, newest wins. */
bool Replay::fragment(fi_pkt *p)
{
	counters_[FI_C_FRAGMENT]++;
	uint32_t h = p->frag_id * 0x9e3779b1u ^ p->tuple.zone;

	for (int i = 0; i < 8; i++) {
		uint32_t w;

		memcpy(&w, &p->tuple.addr[0][0] + 4 * i, 4);
		h = (h ^ w) * 0x85ebca6bu;
	}
	Fragment &f = fragments_[(h >> 16 ^ h) % fragments_.size()];
	bool same = f.l4 == p->tuple.l4 && f.id == p->frag_id && f.zone == p->tuple.zone && !memcmp(f.addr, p->tuple.addr, sizeof(f.addr));

	if (p->part == FI_PART_FIRST) {
		memcpy(f.addr, p->tuple.addr, sizeof(f.addr));
		memcpy(f.port_be, p->tuple.port_be, sizeof(f.port_be));
		f.id = p->frag_id;
		f.zone = p->tuple.zone;
		f.l4 = p->tuple.l4;
		return true;
	}
	if (same)
		memcpy(p->tuple.port_be, f.port_be, sizeof(f.port_be));
	return same;
}

void Replay::flush()
{
	for (int i = 0; i < batched_; i++)
		table_.prefetchFlow(batch_[i].hash);
	for (int i = 0; i < batched_; i++)
		account(batch_[i]);
	batched_ = 0;
}

void Replay::account(Slot &s)
{
	if (++swept_ % kBatch == 0) /* by packets, not by chunks: the outcome must not depend on how the file is cut */
		sweep();
	FlowEntry *e = flowOf(s);
	fi_flow *f = &e->flow;

	now_ns_ = s.time_ns;
	if (s.time_ns > f->last_ns)
		f->last_ns = s.time_ns;
	f->side[s.end].packets++;
	f->side[s.end].bytes += s.pkt.l3_len;
	if (s.tuple.l4 == FI_TCP)
		fi_core_tcp(f, s.end, &s.pkt);
	if (s.pkt.part != FI_PART_WHOLE)
		f->flags |= FI_F_FRAGMENT;
	if (!s.pkt.payload_len || s.pkt.part == FI_PART_LATER)
		return;
	if (f->state < FI_S_DONE || !(f->flags & FI_F_LABELLED))
		payload(e, s);
}

void Replay::payload(FlowEntry *e, Slot &s)
{
	const auto *packs = options_.packs.empty() ? nullptr : reinterpret_cast<const fi_packs *>(options_.packs.data());
	fi_core core = {&kOps, this, e->pending, counters_, packs};
	fi_flow *f = &e->flow;
	fi_side *side = &f->side[s.end];
	const fi_pkt &p = s.pkt;

	current_ = e;
	fi_core_payload(&core, f, s.end, &e->tuple, &p);
	if (f->state == FI_S_DONE && e->pending)
		forget(this);
	if (p.payload_off >= p.cap_len || (s.tuple.l4 != FI_TCP && s.tuple.l4 != FI_UDP))
		return;
	uint32_t len = p.cap_len - p.payload_off, at = p.seq + !!(p.tcp_flags & FI_TH_SYN) - side->base;
	const uint8_t *data = p.hdr + p.payload_off;

	if (len > p.payload_len)
		len = p.payload_len;
	if (side->payload_packets <= kDeepPackets && s.tuple.l4 == FI_UDP && LabelAssembler::wantsSample(*f))
		sample(e, s);
	if (f->flags & FI_F_LABELLED)
		return;
	if (s.tuple.l4 == FI_TCP && static_cast<int32_t>(at) < 0) { /* begins before the first byte known */
		if (-at >= len)
			return;
		data += -at;
		len -= -at;
		at = 0;
	}
	if (labels_.add(*f, e->tuple, {data, len, at, static_cast<uint8_t>(s.end), s.tuple.l4 == FI_UDP}, e))
		f->flags |= FI_F_LABELLED;
}

} // namespace flowident
