/* SPDX-License-Identifier: Apache-2.0 */
#include "redis.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace flowident {

namespace {

/* After these the server speaks unasked. */
constexpr std::string_view kUnasked[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR", "SYNC", "PSYNC"};

} // namespace

void RedisFlow::lose(End &end)
{
	if (!end.follows)
		return;
	to_->lost(waiting_.empty() ? 1 : waiting_.size());
	waiting_.clear();
	for (End &e : ends_) {
		const bool reply = e.reply;

		e = {};
		e.reply = reply;
	}
}

/* Where in the packet the new bytes begin; false: there are none, or it makes no sense here. */
bool RedisFlow::align(End &end, const fi_request_event &e, size_t *from)
{
	*from = 0;
	if (end.follows) {
		int32_t ahead = static_cast<int32_t>(e.seq - end.next);

		if (ahead < 0) {
			*from = static_cast<size_t>(-static_cast<int64_t>(ahead));
			if (*from >= e.len)
				return false;
		} else if (ahead > 0) {
			if (end.skip > static_cast<uint64_t>(ahead) && !end.naming)
				end.skip -= static_cast<uint64_t>(ahead);
			else
				lose(end);
		}
	}
	if (!end.follows) {
		if (end.reply || e.kept < 4 || e.data[0] != '*' || e.data[1] < '1' || e.data[1] > '9')
			return false;
		end.follows = ends_[1].follows = true;
		ends_[1].reply = true;
		ends_[1].next = e.ack; /* where the first reply has to begin */
	}
	end.next = e.seq + e.len;
	return true;
}

void RedisFlow::packet(const fi_request_event &e)
{
	End &end = ends_[e.flags & FI_RQ_OPENER ? 0 : 1];
	size_t at;

	end.reply = &end == &ends_[1];
	if (over_ || !align(end, e, &at))
		return;
	while (at < e.len && end.follows && !over_) {
		if (end.skip) {
			const size_t n = std::min<uint64_t>(end.skip, e.len - at);

			if (end.naming)
				for (size_t i = at; i < at + n && i < e.kept && end.name.size() < 16; i++)
					end.name += static_cast<char>(e.data[i]);
			end.skip -= n;
			at += n;
			if (!end.skip && !element(end, e.now_ns))
				return;
			continue;
		}
		if (at >= e.kept || end.line.size() >= kLine) {
			lose(end);
			return;
		}
		if (end.line.empty() && end.nest.empty())
			end.began = e.now_ns;
		const uint8_t *stop = static_cast<const uint8_t *>(memchr(e.data + at, '\n', e.kept - at));
		const size_t n = stop ? static_cast<size_t>(stop - e.data) + 1 - at : e.kept - at;

		end.line.append(reinterpret_cast<const char *>(e.data) + at, n);
		at += n;
		if (stop && !whole(end, e.now_ns))
			return;
	}
}

/* A line is whole: what it says of what follows. */
bool RedisFlow::whole(End &end, uint64_t now)
{
	const std::string line = std::move(end.line);
	const char kind = line[0];
	int64_t n = 0;

	end.line.clear();
	if (line.size() < 3 || line[line.size() - 2] != '\r') {
		lose(end);
		return false;
	}
	if (end.nest.empty()) {
		end.kind = kind;
		end.name.clear();
	}
	if (!end.reply && end.nest.empty() && kind != '*') { /* an inline command */
		end.name = line.substr(0, std::min<size_t>(line.find_first_of(" \r"), 16));
		return element(end, now);
	}
	if (strchr("+-:_#,(", kind))
		return element(end, now);
	if (!strchr("*~>%|$=!", kind) || std::from_chars(line.data() + 1, line.data() + line.size() - 2, n).ec != std::errc() || n > 1 << 30) {
		lose(end);
		return false;
	}
	if (strchr("$=!", kind)) {
		end.naming = !end.reply && end.name.empty() && end.nest.size() == 1;
		if (n < 0)
			return element(end, now);
		end.skip = static_cast<uint64_t>(n) + 2;
		return true;
	}
	if (n <= 0)
		return element(end, now);
	if (end.nest.size() >= kDepth) {
		lose(end);
		return false;
	}
	end.nest.push_back(static_cast<uint64_t>(n) * (kind == '%' || kind == '|' ? 2 : 1));
	return true;
}

/* An element is over, and with the last one the message. */
bool RedisFlow::element(End &end, uint64_t now)
{
	if (end.naming) {
		end.naming = false;
		if (end.name.size() >= 2 && end.name.ends_with("\r\n"))
			end.name.resize(end.name.size() - 2);
		else if (end.name.ends_with('\r'))
			end.name.pop_back();
	}
	while (!end.nest.empty()) {
		if (--end.nest.back())
			return true;
		end.nest.pop_back();
	}
	if (!end.reply) {
		std::transform(end.name.begin(), end.name.end(), end.name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
		if (std::find(std::begin(kUnasked), std::end(kUnasked), end.name) != std::end(kUnasked)) {
			to_->lost(waiting_.size());
			waiting_.clear();
			over_ = true;
			return false;
		}
		if (waiting_.size() >= kWaiting) {
			lose(end);
			return false;
		}
		waiting_.push_back({end.began, to_->command(end.name)});
	} else if (end.kind != '>' && !waiting_.empty()) { /* > : told unasked */
		to_->done(waiting_.front(), end.kind == '-' || end.kind == '!' ? kError : kOk, now);
		waiting_.pop_front();
	}
	return true;
}

void RedisFlow::end(uint64_t now)
{
	for (const OpenRequest &r : waiting_)
		to_->done(r, 0, now);
	waiting_.clear();
}

} // namespace flowident
