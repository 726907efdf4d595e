/* SPDX-License-Identifier: Apache-2.0 */
/* Events of bpf/requests.h in, duration histograms out. Everything is bounded: connections, names, series; what finds no
 * room is counted, and the sums of all series stay exact. Not thread-safe. */
#ifndef FI_NATIVE_REQUEST_METER_H
#define FI_NATIVE_REQUEST_METER_H

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "error.h"
#include "request_flow.h"
#include "request_names.h"

namespace flowident {

struct MeterOptions {
	uint32_t series = 1000, hosts = 100, routes = 200, flows = 16384;
	std::vector<std::string> templates;
};

/* Upper bounds of the buckets, microseconds; one more takes what is above. Those of OpenTelemetry, and two for what is near. */
constexpr std::array<uint32_t, 16> kRequestBounds = {1000,   2500,   5000,   10000,   25000,   50000,   75000,   100000,
						     250000, 500000, 750000, 1000000, 2500000, 5000000, 7500000, 10000000};
struct RequestCell {
	uint64_t sum_ns = 0;
	std::array<uint64_t, kRequestBounds.size() + 1> buckets{};
};

struct MeterLosses {
	uint64_t unfollowed = 0; /* requests whose answer could not be told for sure */
	uint64_t evicted = 0; /* connections that were pushed out */
};

class RequestMeter : public RequestListener {
public:
	explicit RequestMeter(MeterOptions options);
	~RequestMeter() override;
	void event(const fi_request_event &e);
	/* Questions without an answer by then are over. */
	void expire(uint64_t now);
	/* text: kind, method or type, status or code, host, route; separated by tabs. slot 0: of several aggregates. */
	void each(const std::function<void(uint32_t slot, const RequestCell &, const std::string &text)> &with) const;
	const MeterLosses &losses() const { return losses_; }
	size_t series() const { return cells_.size(); }

private:
	struct Connection {
		std::unique_ptr<RequestFlow> flow;
		uint8_t kind;
		std::list<uint64_t>::iterator age;
	};
	struct Question {
		uint64_t flow = 0, began = 0;
		uint32_t agg = 0;
		uint16_t id = 0, type = 0;
	};

	uint64_t begun(const Http1Head &head) override;
	uint64_t command(std::string_view name) override;
	void done(const OpenRequest &request, unsigned status, uint64_t now) override;
	void lost(size_t requests) override { losses_.unfollowed += requests; }
	bool hold(long bytes) override;

	void connection(const fi_request_event &e);
	void dns(const fi_request_event &e);
	void answered(Question *q, unsigned code, uint64_t now);
	void count(uint64_t key, uint64_t ns);

	MeterOptions options_;
	Names hosts_, routes_;
	Routes route_;
	std::unordered_map<uint64_t, Connection> connections_;
	std::list<uint64_t> order_; /* of connections_, the longest silent first */
	std::vector<Question> questions_;
	std::unordered_map<uint64_t, RequestCell> cells_;
	MeterLosses losses_;
	long held_ = 0;
	uint32_t agg_ = 0; /* of the event at hand */
};

} // namespace flowident

#endif
