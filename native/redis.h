/* SPDX-License-Identifier: Apache-2.0 */
/* Follows commands and replies of one Redis connection (RESP2 and RESP3, pipelined or not). Values are counted, not looked at. */
#ifndef FI_NATIVE_REDIS_H
#define FI_NATIVE_REDIS_H

#include <deque>
#include <string>
#include <vector>

#include "request_flow.h"

namespace flowident {

class RedisFlow : public RequestFlow {
public:
	static constexpr size_t kLine = 1024; /* longest line that is read: lengths, statuses, errors */
	static constexpr size_t kDepth = 8; /* replies within replies */
	static constexpr size_t kWaiting = 65536; /* commands under way */
	static constexpr unsigned kOk = 1, kError = 2; /* statuses */

	explicit RedisFlow(RequestListener *listener) : to_(listener) {}
	void packet(const fi_request_event &e) override;
	void end(uint64_t now) override;

private:
	struct End {
		bool follows = false, reply = false;
		uint32_t next = 0; /* sequence number */
		uint64_t skip = 0; /* bytes of the value at hand, its line end included */
		uint64_t began = 0;
		char kind = 0; /* first byte of the message */
		bool naming = false; /* the value at hand is the command's name */
		std::string line, name;
		std::vector<uint64_t> nest; /* elements still to come, by level */
	};

	bool align(End &end, const fi_request_event &e, size_t *from);
	bool element(End &end, uint64_t now);
	bool whole(End &end, uint64_t now);
	void lose(End &end);

	RequestListener *to_;
	End ends_[2]; /* 0: commands, 1: replies */
	std::deque<OpenRequest> waiting_;
	bool over_ = false; /* subscribed: replies come unasked */
};

} // namespace flowident

#endif
