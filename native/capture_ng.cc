/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of pcapng files. https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng */
#include <cstring>

#include "capture.h"

namespace flowident {

namespace {

/* Blocks that are read whole: packets, interfaces, section headers. Others are passed over whatever their size. */
constexpr uint32_t kMaxBlock = (4u << 20) + 65536;
constexpr size_t kMaxInterfaces = 65536;

constexpr uint32_t kSection = 0x0a0d0d0a, kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1, kObsoletePacket = 2, kSimplePacket = 3, kEnhancedPacket = 6;

uint32_t raw32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

} // namespace

/* One block of a pcapng file; true when it held a packet. Nothing is taken when it is not complete yet. */
bool Capture::nextBlock(CapturePacket *packet)
{
	if (left() < 12)
		return false;
	uint32_t type = raw32(at_) == kSection ? kSection : u32(at_);

	if (type == kSection && !section())
		return false;
	uint32_t len = u32(at_ + 4);
	bool read = type == kSection || type == kInterface || type == kEnhancedPacket || type == kSimplePacket || type == kObsoletePacket;

	if (len < 12 || (read && len > kMaxBlock))
		return fail("damaged at byte " + std::to_string(offset_) + ": a block of " + std::to_string(len) +
			    " bytes cannot be; packets before it were read, repair the rest with `pcapfix` or capture again");
	len = (len + 3) & ~3u; /* some writers do not count the padding */
	if (!read) {
		skip_ = len;
		return false;
	}
	if (left() < len)
		return false;
	const uint8_t *body = at_ + 8;
	uint32_t size = len - 12;
	bool found = false;

	if (type == kInterface)
		found = describeInterface(body, size);
	else if (type == kEnhancedPacket)
		found = enhanced(body, size, packet);
	else if (type == kSimplePacket)
		found = simple(body, size, packet);
	else if (type == kObsoletePacket)
		found = obsolete(body, size, packet);
	if (state_ != State::Failed)
		take(len);
	return found;
}

/* A section header sets the byte order of all that follows and starts the interface numbers anew. */
bool Capture::section()
{
	uint32_t order = raw32(at_ + 8);

	if (order != kByteOrder && order != __builtin_bswap32(kByteOrder))
		return fail("damaged at byte " + std::to_string(offset_) + ": a pcapng section without a byte-order mark; packets before "
			    "it were read");
	bool swapped = order != kByteOrder;
	uint32_t len = swapped ? __builtin_bswap32(raw32(at_ + 4)) : raw32(at_ + 4);

	if (len <= kMaxBlock && left() < len)
		return false;
	swapped_ = swapped;
	interfaces_.clear();
	return true;
}

bool Capture::describeInterface(const uint8_t *body, uint32_t len)
{
	Interface i;

	if (len < 8 || interfaces_.size() >= kMaxInterfaces)
		return fail("damaged at byte " + std::to_string(offset_) + ": an interface description that cannot be; packets before it "
			    "were read");
	i.link = u16(body);
	i.snap = u32(body + 4);
	for (uint32_t at = 8; at + 4 <= len;) {
		uint16_t code = u16(body + at), n = u16(body + at + 2);

		if (code == 0 || at + 4 + n > len)
			break;
		if (code == 9 && n >= 1) { /* if_tsresol: a negative power of 10, or of 2 */
			uint8_t power = body[at + 4] & 0x7f;
			bool two = body[at + 4] & 0x80;

			i.units = 1;
			for (uint8_t k = 0; k < power && i.units <= (UINT64_MAX / 10); k++)
				i.units *= two ? 2 : 10;
		} else if (code == 14 && n >= 8) { /* if_tsoffset, in seconds */
			uint64_t lo = u32(body + at + 4), hi = u32(body + at + 8);

			i.offset_s = static_cast<int64_t>(swapped_ ? lo << 32 | hi : hi << 32 | lo);
		}
		at += 4 + ((n + 3u) & ~3u);
	}
	interfaces_.push_back(i);
	return false;
}

bool Capture::deliver(uint32_t interface, uint64_t stamp, const uint8_t *data, uint32_t captured, uint32_t wire, uint32_t room,
		      CapturePacket *packet)
{
	if (interface >= interfaces_.size() || captured > room)
		return fail("damaged at byte " + std::to_string(offset_) + (captured > room ? ": a packet longer than its block" :
											     ": a packet of an interface that was not described") +
			    "; packets before it were read, repair the rest with `pcapfix` or capture again");
	const Interface &i = interfaces_[interface];

	last_ns_ = static_cast<uint64_t>(static_cast<unsigned __int128>(stamp) * 1000000000u / i.units) +
		   static_cast<uint64_t>(i.offset_s) * 1000000000u;
	packet->data = data;
	packet->captured = captured;
	packet->wire = wire < captured ? captured : wire;
	packet->time_ns = last_ns_;
	packet->interface = interface;
	packet->link = i.link;
	return true;
}

bool Capture::enhanced(const uint8_t *body, uint32_t len, CapturePacket *packet)
{
	if (len < 20)
		return deliver(0, 0, body, 1, 0, 0, packet);
	return deliver(u32(body), static_cast<uint64_t>(u32(body + 4)) << 32 | u32(body + 8), body + 20, u32(body + 12), u32(body + 16),
		       len - 20, packet);
}

bool Capture::obsolete(const uint8_t *body, uint32_t len, CapturePacket *packet)
{
	if (len < 20)
		return deliver(0, 0, body, 1, 0, 0, packet);
	return deliver(u16(body), static_cast<uint64_t>(u32(body + 4)) << 32 | u32(body + 8), body + 20, u32(body + 12), u32(body + 16),
		       len - 20, packet);
}

/* No time stamp and no captured length: the former packet's time, and what the block holds. */
bool Capture::simple(const uint8_t *body, uint32_t len, CapturePacket *packet)
{
	uint64_t time = last_ns_;

	if (len < 4 || interfaces_.empty())
		return deliver(0, 0, body, 1, 0, 0, packet);
	uint32_t wire = u32(body), captured = wire < len - 4 ? wire : len - 4, snap = interfaces_[0].snap;

	if (snap && captured > snap)
		captured = snap;
	if (!deliver(0, 0, body + 4, captured, wire, len - 4, packet))
		return false;
	packet->time_ns = last_ns_ = time;
	return true;
}

} // namespace flowident
