/* SPDX-License-Identifier: Apache-2.0 */
/* What follows the requests of one connection, and whom it tells. */
#ifndef FI_NATIVE_REQUEST_FLOW_H
#define FI_NATIVE_REQUEST_FLOW_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core.h"
#include "../bpf/requests.h"
#include "http1_head.h"

namespace flowident {

struct OpenRequest {
	uint64_t began = 0; /* its first byte, ns */
	uint64_t name = 0; /* what the listener made of it */
	bool head = false, connect = false; /* HTTP: the method */
};

class RequestListener {
public:
	virtual ~RequestListener() = default;
	/* A request's head or command is there: a number that stands for it. Views are valid during the call only. */
	virtual uint64_t begun(const Http1Head &head) = 0;
	virtual uint64_t command(std::string_view name) = 0;
	/* Its answer is whole, or (status 0) the connection ended without one. */
	virtual void done(const OpenRequest &request, unsigned status, uint64_t now) = 0;
	/* So many requests could not be followed to their answer. */
	virtual void lost(size_t requests) = 0;
	/* Room for that many more bytes of cut heads; negative: given back. */
	virtual bool hold(long bytes) = 0;
};

class RequestFlow {
public:
	virtual ~RequestFlow() = default;
	virtual void packet(const fi_request_event &e) = 0;
	virtual void end(uint64_t now) = 0;
};

} // namespace flowident

#endif
