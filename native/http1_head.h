/* SPDX-License-Identifier: Apache-2.0 */
/* The few things in the head of an HTTP/1 message that say what it is and where it ends. */
#ifndef FI_NATIVE_HTTP1_HEAD_H
#define FI_NATIVE_HTTP1_HEAD_H

#include <cstdint>
#include <string_view>

namespace flowident {

/* Views are into the text that was read. */
struct Http1Head {
	std::string_view method, target, host;
	unsigned status = 0;
	uint64_t length = 0; /* Content-Length */
	bool has_length = false, chunked = false;
};

/* `text`: a whole head, its empty line included. False: it is none. */
bool readRequest(std::string_view text, Http1Head *to);
bool readAnswer(std::string_view text, Http1Head *to);

} // namespace flowident

#endif
