/* SPDX-License-Identifier: Apache-2.0 */
#include "request_names.h"

#include <algorithm>

namespace flowident {

namespace {

constexpr size_t kLongest = 100; /* characters of a name that is kept */
constexpr int kSegments = 3;

bool digit(char c)
{
	return c >= '0' && c <= '9';
}

bool hex(char c)
{
	return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* A number, a UUID or hash, or something too long to be a word. */
bool looksLikeId(std::string_view s)
{
	bool digits = std::all_of(s.begin(), s.end(), digit), any = std::any_of(s.begin(), s.end(), digit);

	return digits || s.size() > 24 || (any && s.size() >= 8 && std::all_of(s.begin(), s.end(), [](char c) { return hex(c) || c == '-'; }));
}

bool plain(std::string_view s)
{
	return std::all_of(s.begin(), s.end(), [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
}

/* Takes the next segment off a path; false: there is none. */
bool nextSegment(std::string_view *path, std::string_view *segment)
{
	if (path->empty() || path->front() != '/')
		return false;
	size_t stop = path->find('/', 1);

	*segment = path->substr(1, stop == path->npos ? path->npos : stop - 1);
	path->remove_prefix(stop == path->npos ? path->size() : stop);
	return true;
}

bool fits(std::string_view route, std::string_view path)
{
	std::string_view want, have;

	while (nextSegment(&route, &want)) {
		if (want == "{*}")
			return true;
		if (!nextSegment(&path, &have) || (want != have && !(want.starts_with('{') && !have.empty())))
			return false;
	}
	return path.empty();
}

} // namespace

Names::Names(size_t room) : room_(room), names_{"", "~other", "~invalid"} {}

uint16_t Names::add(std::string_view name)
{
	names_.emplace_back(name);
	return numbers_[names_.back()] = static_cast<uint16_t>(names_.size() - 1);
}

uint16_t Names::number(std::string_view name)
{
	std::string key(name.substr(0, kLongest));

	if (name.size() > kLongest || !plain(name))
		return kInvalid;
	if (key.empty())
		return kNone;
	auto known = numbers_.find(key);

	if (known != numbers_.end())
		return known->second;
	if (numbers_.size() < room_ / 2)
		return add(key);
	if (numbers_.size() >= room_)
		return kOther;
	if (asked_.size() >= 4 * room_)
		asked_.clear();
	if (++asked_[key] < kOften)
		return kOther;
	asked_.erase(key);
	return add(key);
}

std::string hostName(std::string_view host)
{
	size_t colon = host.rfind(':');

	if (colon != host.npos && colon + 1 < host.size() && std::all_of(host.begin() + static_cast<long>(colon) + 1, host.end(), digit))
		host = host.substr(0, colon);
	std::string out(host);

	for (char &c : out)
		c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
	return out;
}

std::string Routes::route(std::string_view target) const
{
	if (size_t scheme = target.find("://"); scheme != target.npos && scheme < 8) { /* absolute form, to a proxy */
		size_t slash = target.find('/', scheme + 3);

		target = slash == target.npos ? "/" : target.substr(slash);
	}
	target = target.substr(0, target.find_first_of("?#"));
	if (!target.starts_with('/'))
		return target == "*" ? "*" : "";
	for (const std::string &t : templates_)
		if (fits(t, target))
			return t;
	std::string out;
	std::string_view segment;
	int n = 0;

	while (nextSegment(&target, &segment)) {
		if (n++ == kSegments) {
			out += "/{*}";
			break;
		}
		out += '/';
		out += !segment.empty() && looksLikeId(segment) ? std::string_view("{id}") : segment;
	}
	return out;
}

} // namespace flowident
