/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include <cstring>

namespace flowident {

namespace {

/* Larger than any packet a link can carry (loopback with offload: 512 KiB): a longer one is damage. */
constexpr uint32_t kMaxPacket = 4u << 20;
constexpr uint32_t kSection = 0x0a0d0d0a; /* pcapng begins with this block; it reads the same in both byte orders */

uint32_t raw32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

} // namespace

void Capture::push(const uint8_t *data, size_t len)
{
	if (carried_) {
		carry_.resize(carried_);
		carry_.insert(carry_.end(), data, data + len);
		at_ = carry_.data();
		end_ = at_ + carry_.size();
	} else {
		at_ = data;
		end_ = data + len;
	}
	carried_ = 0;
}

void Capture::hold()
{
	size_t n = state_ == State::Failed ? 0 : left();

	if (n && (carry_.empty() || at_ < carry_.data() || at_ >= carry_.data() + carry_.size()))
		carry_.assign(at_, end_);
	else if (n)
		memmove(carry_.data(), at_, n);
	carried_ = n;
	at_ = end_ = carry_.data();
}

void Capture::take(size_t n)
{
	at_ += n;
	offset_ += n;
}

uint16_t Capture::u16(const uint8_t *p) const
{
	uint16_t v;
	memcpy(&v, p, 2);
	return swapped_ ? __builtin_bswap16(v) : v;
}

uint32_t Capture::u32(const uint8_t *p) const
{
	uint32_t v = raw32(p);
	return swapped_ ? __builtin_bswap32(v) : v;
}

bool Capture::fail(const std::string &what)
{
	problem_ = what;
	state_ = State::Failed;
	return false;
}

bool Capture::next(CapturePacket *packet)
{
	for (;;) {
		if (skip_) {
			size_t n = skip_ < left() ? static_cast<size_t>(skip_) : left();
			take(n);
			skip_ -= n;
			if (skip_)
				return false;
		}
		switch (state_) {
		case State::Start:
			if (!start())
				return false;
			break;
		case State::Pcap:
			return nextPcap(packet);
		case State::Pcapng: {
			uint64_t before = offset_;

			if (nextBlock(packet))
				return true;
			if (state_ == State::Failed || (offset_ == before && !skip_))
				return false;
			break; /* a block without a packet: go on */
		}
		case State::Failed:
			return false;
		}
	}
}

/* The first bytes tell the format. https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap, section 4. */
bool Capture::start()
{
	if (left() < 4)
		return false;
	uint32_t magic = raw32(at_);

	if (magic == kSection) {
		state_ = State::Pcapng;
		format_ = "pcapng";
		return true;
	}
	if (left() < 24)
		return false;
	uint32_t turned = __builtin_bswap32(magic);
	bool micro = magic == 0xa1b2c3d4 || turned == 0xa1b2c3d4, nano = magic == 0xa1b23c4d || turned == 0xa1b23c4d;
	bool patched = magic == 0xa1b2cd34 || turned == 0xa1b2cd34; /* old Linux patch: 24 bytes before each packet */

	if (!micro && !nano && !patched) {
		foreign_ = true;
		return fail("this is not a pcap or pcapng file (it begins with other bytes); save it as pcapng, or give the file a "
			    "capture tool wrote");
	}
	swapped_ = magic != 0xa1b2c3d4 && magic != 0xa1b23c4d && magic != 0xa1b2cd34;
	format_ = nano ? "pcap-ns" : "pcap";
	head_ = patched ? 24 : 16;
	Interface one;
	one.snap = u32(at_ + 16);
	one.link = static_cast<uint16_t>(u32(at_ + 20) & 0xffff);
	one.units = nano ? 1000000000 : 1000000;
	interfaces_.push_back(one);
	take(24);
	state_ = State::Pcap;
	return true;
}

bool Capture::nextPcap(CapturePacket *packet)
{
	if (left() < head_)
		return false;
	const Interface &i = interfaces_[0];
	uint32_t captured = u32(at_ + 8), wire = u32(at_ + 12);

	if (captured > kMaxPacket)
		return fail("damaged at byte " + std::to_string(offset_) + ": a packet of " + std::to_string(captured) +
			    " bytes cannot be; packets before it were read, repair the rest with `pcapfix` or capture again");
	if (left() < head_ + captured)
		return false;
	uint64_t fraction = u32(at_ + 4);
	packet->data = at_ + head_;
	packet->captured = captured;
	packet->wire = wire < captured ? captured : wire;
	packet->time_ns = u32(at_) * 1000000000ull + (i.units == 1000000 ? fraction * 1000 : fraction);
	packet->interface = 0;
	packet->link = i.link;
	take(head_ + captured);
	return true;
}

void Capture::finish()
{
	if (state_ == State::Failed)
		return;
	if (state_ == State::Start) {
		foreign_ = true;
		fail(left() + carried_ == 0 ? "the file is empty" :
					      "this is not a pcap or pcapng file: it is too short to be one");
	} else if (carried_ || left() || skip_) {
		fail("cut off at byte " + std::to_string(offset_) + ": the last packet is not complete; packets before it were read (was the "
		     "capture still running, or the disk full?)");
	}
}

} // namespace flowident
