/* SPDX-License-Identifier: Apache-2.0 */
#include "http1.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace flowident {

namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

} // namespace

Http1Flow::~Http1Flow()
{
	for (End &e : ends_)
		forget(e);
}

void Http1Flow::forget(End &end)
{
	if (!end.head.empty())
		to_->hold(-static_cast<long>(end.head.size()));
	end.head.clear();
	end.head.shrink_to_fit();
}

void Http1Flow::drop()
{
	if (!waiting_.empty())
		to_->lost(waiting_.size());
	waiting_.clear();
}

/* What an end sends makes no sense any more. Which answer belongs to which request is then open for all under way. */
void Http1Flow::lose(End &end)
{
	forget(end);
	if (end.step == Step::Lost)
		return;
	if (!end.answer && end.step == Step::Head && waiting_.empty())
		to_->lost(1); /* a request whose head cannot be read */
	end.step = Step::Lost;
	drop();
}

bool Http1Flow::begins(const End &end, const Piece &p) const
{
	const char *text = reinterpret_cast<const char *>(p.data);
	size_t n = 0;

	if (end.answer)
		return p.kept >= 7 && memcmp(text, "HTTP/1.", 7) == 0;
	while (n < p.kept && n < 16 && text[n] >= 'A' && text[n] <= 'Z')
		n++;
	return n >= 3 && n < p.kept && text[n] == ' ';
}

/* Leaves out what was there already; false: nothing is new, or it makes no sense here. */
bool Http1Flow::align(End &end, Piece *p, uint32_t seq)
{
	if (end.step != Step::Lost) {
		int32_t ahead = static_cast<int32_t>(seq - end.next);

		if (ahead < 0) {
			size_t old = static_cast<size_t>(-static_cast<int64_t>(ahead));

			if (old >= p->len)
				return false;
			p->data += std::min(old, p->kept);
			p->kept -= std::min(old, p->kept);
			p->len -= old;
		} else if (ahead > 0) {
			uint64_t gap = static_cast<uint64_t>(ahead);
			bool counted = (end.step == Step::Body || end.step == Step::Data) && end.left > gap;

			if (counted)
				end.left -= gap;
			else if (end.step != Step::Close && end.step != Step::Tunnel && end.step != Step::Tail)
				lose(end);
		}
	}
	if (end.step == Step::Lost) {
		if (!begins(end, *p))
			return false;
		end.step = Step::Head;
	}
	return true;
}

void Http1Flow::packet(const fi_request_event &e)
{
	End &end = ends_[e.flags & FI_RQ_OPENER ? 0 : 1];
	Piece p{e.data, e.kept, e.len, e.tail, e.now_ns};

	end.answer = &end == &ends_[1];
	const bool found = end.step == Step::Lost;

	if (!align(end, &p, e.seq))
		return;
	if (found && !end.answer) { /* where its answer has to begin: one that is missed will be noticed */
		End &answers = ends_[1];

		forget(answers);
		answers.step = Step::Head;
		answers.answer = true;
		answers.next = e.ack;
	}
	end.next = e.seq + e.len;
	walk(end, p);
	end.last = e.now_ns;
}

void Http1Flow::walk(End &end, const Piece &p)
{
	for (size_t at = 0; at < p.len;) {
		size_t n = p.len - at;

		switch (end.step) {
		case Step::Lost:
		case Step::Close:
		case Step::Tunnel:
			return;
		case Step::Head:
			n = head(end, p, at);
			break;
		case Step::Size:
		case Step::Trailer:
			n = line(end, p, at);
			break;
		case Step::Body:
		case Step::Data:
			n = std::min<uint64_t>(n, end.left);
			end.left -= n;
			if (end.left)
				break;
			if (end.step == Step::Body)
				whole(end, p.now);
			else
				end.step = Step::Size;
			break;
		case Step::Tail: { /* the last chunk has to end the packet */
			std::string_view tail(reinterpret_cast<const char *>(p.tail), FI_REQUEST_TAIL);

			if (tail.ends_with(kLastChunk) && (p.len == kLastChunk.size() || tail[FI_REQUEST_TAIL - kLastChunk.size() - 1] == '\n'))
				whole(end, p.now);
			return;
		}
		}
		at += n;
	}
}

/* Gathers text up to `stop` and with it in end.head; false: it is not there yet, or cannot be. *used: bytes taken. */
bool Http1Flow::take(End &end, const Piece &p, size_t at, std::string_view stop, size_t *used)
{
	std::string_view rest(reinterpret_cast<const char *>(p.data) + std::min(at, p.kept), at < p.kept ? p.kept - at : 0);
	size_t before = end.head.size(), from = before > stop.size() ? before - stop.size() : 0;

	*used = p.len - at;
	if (before + rest.size() > kHead)
		rest = rest.substr(0, kHead - before);
	if (!to_->hold(static_cast<long>(rest.size()))) {
		lose(end);
		return false;
	}
	end.head.append(rest);
	size_t found = end.head.find(stop, from);

	if (found != std::string::npos) {
		*used = found + stop.size() - before;
		to_->hold(-static_cast<long>(end.head.size() - found - stop.size()));
		end.head.resize(found + stop.size());
		return true;
	}
	if (rest.size() < p.len - at) /* the rest of the packet was not told, or it is too long */
		lose(end);
	return false;
}

size_t Http1Flow::head(End &end, const Piece &p, size_t at)
{
	size_t used;

	if (end.head.empty()) {
		if (at < p.kept && (p.data[at] == '\r' || p.data[at] == '\n')) /* RFC 9112, 2.2: empty lines in front are skipped */
			return 1;
		end.began = p.now;
	}
	if (!take(end, p, at, kHeadEnd, &used))
		return used;
	std::string text = end.head;

	forget(end);
	if (end.answer)
		answer(end, text, p.now);
	else
		request(end, text);
	return used;
}

/* The size of a chunk, or a line of the trailer. */
size_t Http1Flow::line(End &end, const Piece &p, size_t at)
{
	if (at >= p.kept) { /* where the chunks end is not told: the last one will be seen when it ends a packet */
		forget(end);
		end.step = Step::Tail;
		return 0;
	}
	size_t used;

	if (!take(end, p, at, "\r\n", &used))
		return used;
	std::string text = end.head;

	forget(end);
	if (end.step == Step::Trailer) {
		if (text == "\r\n")
			whole(end, p.now);
		return used;
	}
	uint64_t size = 0;
	auto [stop, err] = std::from_chars(text.data(), text.data() + text.size(), size, 16);

	if (err != std::errc() || size > 1ull << 60) {
		lose(end);
	} else if (size == 0) {
		end.step = Step::Trailer;
	} else {
		end.step = Step::Data;
		end.left = size + 2;
	}
	return used;
}

void Http1Flow::request(End &end, std::string_view text)
{
	Http1Head h;

	if (!readRequest(text, &h)) {
		lose(end);
		return;
	}
	if (waiting_.size() >= kWaiting)
		drop();
	waiting_.push_back({end.began, to_->begun(h), h.method == "HEAD", h.method == "CONNECT"});
	end.left = h.length;
	end.step = h.chunked ? Step::Size : h.length ? Step::Body : Step::Head;
	if (h.method == "PRI") /* HTTP/2 with prior knowledge */
		end.step = Step::Tunnel;
}

void Http1Flow::answer(End &end, std::string_view text, uint64_t now)
{
	Http1Head h;

	if (!readAnswer(text, &h)) {
		lose(end);
		return;
	}
	if (h.status < 200 && h.status != 101) /* another one follows: RFC 9110, 15.2 */
		return;
	const bool head = !waiting_.empty() && waiting_.front().head, connect = !waiting_.empty() && waiting_.front().connect;

	end.status = h.status;
	end.left = h.length;
	if (h.status == 101 || (connect && h.status < 300)) {
		whole(end, now);
		ends_[0].step = ends_[1].step = Step::Tunnel;
	} else if (head || h.status == 204 || h.status == 304 || (h.has_length && !h.chunked && !h.length)) {
		whole(end, now);
	} else {
		end.step = h.chunked ? Step::Size : h.has_length ? Step::Body : Step::Close;
	}
}

void Http1Flow::whole(End &end, uint64_t now)
{
	end.step = Step::Head;
	if (!end.answer || waiting_.empty()) /* empty: the answer to a request that was lost */
		return;
	to_->done(waiting_.front(), end.status, now);
	waiting_.pop_front();
}

void Http1Flow::end(uint64_t now)
{
	End &answers = ends_[1];

	if (answers.step == Step::Close)
		whole(answers, answers.last);
	for (const OpenRequest &r : waiting_)
		to_->done(r, 0, now);
	waiting_.clear();
}

} // namespace flowident
