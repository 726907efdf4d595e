/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded sets of the names that come from outside: virtual hosts and routes. */
#ifndef FI_NATIVE_REQUEST_NAMES_H
#define FI_NATIVE_REQUEST_NAMES_H

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace flowident {

/* A name's number, for good. The first half of the room is given to whoever comes; the other half only to names that were
 * asked for kOften times lately, so that who makes up a new name for each request gets none of it. The rest is kOther. */
class Names {
public:
	static constexpr uint16_t kNone = 0, kOther = 1, kInvalid = 2;
	static constexpr unsigned kOften = 16;

	explicit Names(size_t room);
	uint16_t number(std::string_view name);
	const std::string &name(uint16_t number) const { return names_[number]; }
	size_t size() const { return names_.size(); }

private:
	uint16_t add(std::string_view name);

	size_t room_;
	std::vector<std::string> names_;
	std::unordered_map<std::string, uint16_t> numbers_;
	std::unordered_map<std::string, unsigned> asked_; /* bounded: emptied when it is full */
};

/* Host header → virtual host: lower case, without port; empty when it is not one. */
std::string hostName(std::string_view host);

/* Request target → route. */
class Routes {
public:
	/* Templates such as /users/{id}/orders or /static/{*}: the first that fits. */
	explicit Routes(std::vector<std::string> templates) : templates_(std::move(templates)) {}
	/* Without a template: the first three segments, those that look like ids as {id}. Empty: not a path. */
	std::string route(std::string_view target) const;

private:
	std::vector<std::string> templates_;
};

} // namespace flowident

#endif
