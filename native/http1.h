/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the messages of one HTTP/1 connection through its packets: where each begins and ends, which answer belongs to
 * which request. Bodies are counted, not looked at, so a packet may come with its length alone. Lost packets cost the
 * messages they were part of; the next message that begins a packet is found again. */
#ifndef FI_NATIVE_HTTP1_H
#define FI_NATIVE_HTTP1_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "request_flow.h"

namespace flowident {

class Http1Flow : public RequestFlow {
public:
	static constexpr size_t kHead = 16384; /* longest head that is read */
	static constexpr size_t kWaiting = 256; /* requests under way in one connection */

	explicit Http1Flow(RequestListener *listener) : to_(listener) {}
	~Http1Flow() override;
	Http1Flow(const Http1Flow &) = delete;
	Http1Flow &operator=(const Http1Flow &) = delete;

	void packet(const fi_request_event &e) override;
	void end(uint64_t now) override;

private:
	/* What the next byte of an end belongs to. */
	enum class Step : uint8_t { Lost, Head, Body, Size, Data, Trailer, Tail, Close, Tunnel };
	struct End {
		Step step = Step::Lost;
		bool answer = false;
		uint32_t next = 0; /* sequence number */
		uint64_t left = 0; /* bytes of the body or chunk, its line end included */
		uint64_t began = 0, last = 0;
		unsigned status = 0;
		std::string head; /* a head, or line of a chunk, that is cut by packets */
	};
	struct Piece {
		const uint8_t *data;
		size_t kept, len;
		const uint8_t *tail;
		uint64_t now;
	};

	bool begins(const End &end, const Piece &p) const;
	bool align(End &end, Piece *p, uint32_t seq);
	void walk(End &end, const Piece &p);
	size_t head(End &end, const Piece &p, size_t at);
	size_t line(End &end, const Piece &p, size_t at);
	bool take(End &end, const Piece &p, size_t at, std::string_view stop, size_t *used);
	void request(End &end, std::string_view text);
	void answer(End &end, std::string_view text, uint64_t now);
	void whole(End &end, uint64_t now);
	void lose(End &end);
	void forget(End &end);
	void drop();

	RequestListener *to_;
	End ends_[2]; /* 0: requests, 1: answers */
	std::deque<OpenRequest> waiting_;
};

} // namespace flowident

#endif
