/* SPDX-License-Identifier: Apache-2.0 */
#include "http1_head.h"

#include <algorithm>
#include <charconv>

namespace flowident {

namespace {

std::string_view trim(std::string_view s)
{
	while (!s.empty() && (s.front() == ' ' || s.front() == '\t'))
		s.remove_prefix(1);
	while (!s.empty() && (s.back() == ' ' || s.back() == '\t'))
		s.remove_suffix(1);
	return s;
}

bool same(std::string_view a, std::string_view lower)
{
	return a.size() == lower.size() &&
	       std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

void readFields(std::string_view text, Http1Head *to)
{
	while (!text.empty()) {
		size_t eol = text.find("\r\n"), colon = text.find(':');
		std::string_view row = text.substr(0, eol);

		text.remove_prefix(eol == text.npos ? text.size() : eol + 2);
		if (colon == text.npos || colon >= row.size())
			continue;
		std::string_view name = row.substr(0, colon), value = trim(row.substr(colon + 1));

		if (same(name, "host")) {
			to->host = value;
		} else if (same(name, "content-length")) {
			to->has_length = std::from_chars(value.data(), value.data() + value.size(), to->length).ec == std::errc();
		} else if (same(name, "transfer-encoding")) {
			to->chunked = value.size() >= 7 && same(value.substr(value.size() - 7), "chunked");
		}
	}
}

} // namespace

bool readRequest(std::string_view text, Http1Head *to)
{
	size_t eol = text.find("\r\n"), a = text.find(' '), b = text.rfind(' ', eol);

	if (eol == text.npos || a == text.npos || b == text.npos || b <= a || text.compare(b + 1, 7, "HTTP/1.") != 0)
		return false;
	to->method = text.substr(0, a);
	to->target = text.substr(a + 1, b - a - 1);
	readFields(text.substr(eol + 2), to);
	return true;
}

bool readAnswer(std::string_view text, Http1Head *to)
{
	size_t eol = text.find("\r\n");

	if (!text.starts_with("HTTP/1.") || eol == text.npos || eol < 12 || std::from_chars(text.data() + 9, text.data() + 12, to->status).ec != std::errc() || to->status < 100)
		return false;
	readFields(text.substr(eol + 2), to);
	return true;
}

} // namespace flowident
