/* SPDX-License-Identifier: Apache-2.0 */
/* Reads capture files piece by piece: pcap (all four magics, both byte orders) and pcapng (several sections and
 * interfaces). Chunks of any size go in; packets come out as views, with no copy unless a packet lies across two chunks. */
#ifndef FI_CAPTURE_H
#define FI_CAPTURE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace flowident {

struct CapturePacket {
	const uint8_t *data; /* valid until the next push() */
	uint32_t captured;
	uint32_t wire;
	uint64_t time_ns;
	uint32_t interface; /* number of the interface in the file; pcap has one, 0 */
	uint16_t link; /* LINKTYPE_* */
};

class Capture {
public:
	/* Hands over the next bytes; they must stay valid until next() has returned false. */
	void push(const uint8_t *data, size_t len);
	/* The next packet; false: more bytes are needed, or the file has failed. */
	bool next(CapturePacket *packet);
	/* Keeps what next() left over; call when it returned false, before the pushed bytes go away. */
	void hold();
	/* No more bytes will come: what is left over is a packet cut off. */
	void finish();

	/* Empty, or what is wrong with the file, where, and what to do. Packets before that place were delivered. */
	const std::string &problem() const { return problem_; }
	/* Whether nothing of it could be read at all. */
	bool foreign() const { return foreign_; }
	const char *format() const { return format_; }

private:
	enum class State { Start, Pcap, Pcapng, Failed };
	struct Interface {
		uint16_t link = 0;
		uint32_t snap = 0;
		uint64_t units = 1000000; /* of a second */
		int64_t offset_s = 0;
	};

	size_t left() const { return static_cast<size_t>(end_ - at_); }
	void take(size_t n);
	uint16_t u16(const uint8_t *p) const;
	uint32_t u32(const uint8_t *p) const;
	bool start();
	bool nextPcap(CapturePacket *packet);
	bool nextBlock(CapturePacket *packet);
	bool section();
	bool describeInterface(const uint8_t *body, uint32_t len);
	bool enhanced(const uint8_t *body, uint32_t len, CapturePacket *packet);
	bool simple(const uint8_t *body, uint32_t len, CapturePacket *packet);
	bool obsolete(const uint8_t *body, uint32_t len, CapturePacket *packet);
	bool deliver(uint32_t interface, uint64_t stamp, const uint8_t *data, uint32_t captured, uint32_t wire, uint32_t room,
		     CapturePacket *packet);
	bool fail(const std::string &what);

	State state_ = State::Start;
	const char *format_ = "unknown";
	std::string problem_;
	bool foreign_ = false;
	bool swapped_ = false;
	uint32_t head_ = 16; /* bytes before each packet of a pcap file */
	std::vector<Interface> interfaces_;
	uint64_t last_ns_ = 0;
	uint64_t offset_ = 0; /* in the file, of at_ */
	uint64_t skip_ = 0; /* bytes of an uninteresting block still to be passed over */
	const uint8_t *at_ = nullptr;
	const uint8_t *end_ = nullptr;
	std::vector<uint8_t> carry_;
	size_t carried_ = 0; /* bytes of carry_ in use */
};

} // namespace flowident

#endif
