/* SPDX-License-Identifier: Apache-2.0 */
/* Request metrics: a thread of its own empties fi_requests into a RequestMeter; a scrape reads the sums. */
#ifndef FI_NATIVE_REQUESTS_H
#define FI_NATIVE_REQUESTS_H

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include "maps.h"
#include "request_meter.h"

namespace flowident {

class Requests {
public:
	/* nullptr: *why says so. */
	static std::shared_ptr<Requests> start(std::shared_ptr<Object> object, const MeterOptions &options, Failure *why);
	~Requests();
	Requests(const Requests &) = delete;
	Requests &operator=(const Requests &) = delete;

	/* As requests() of addon.d.ts. Any thread. */
	Failure read(Buffer *out);

private:
	Requests(std::shared_ptr<Object> object, const MeterOptions &options) : object_(std::move(object)), meter_(options) {}
	static int onEvent(void *self, void *data, size_t size);
	void run();

	std::shared_ptr<Object> object_;
	RingPtr ring_;
	std::mutex mutex_; /* guards meter_ */
	RequestMeter meter_;
	uint32_t events_ = 0; /* of this turn */
	std::atomic<bool> stop_{false};
	std::thread thread_;
};

/* startRequests, requests of KernelHandle. */
Napi::Value startRequests(const Napi::CallbackInfo &info, std::shared_ptr<Object> object, std::shared_ptr<Requests> *to);
Napi::Value readRequests(const Napi::CallbackInfo &info, std::shared_ptr<Requests> requests);
/* measureRequests of addon.d.ts. */
Napi::Value MeasureRequests(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
