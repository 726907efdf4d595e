/* SPDX-License-Identifier: Apache-2.0 */
/* The ring buffer on node's event loop: libuv watches its epoll descriptor, each wake-up copies up to one buffer of
 * records and makes one JavaScript call. While records keep coming, a timer takes the descriptor's place: the kernel
 * wakes nobody whose ring is not empty, so a busy host costs a hundred wake-ups a second, not one per record. Payload
 * samples are turned into labels on the way. JavaScript thread only. */
#ifndef FI_NATIVE_RING_H
#define FI_NATIVE_RING_H

#include <napi.h>

#include <cstdint>
#include <deque>
#include <unordered_set>
#include <vector>

#include "error.h"
#include "handles.h"
#include "labels.h"
#include "uv.h"

namespace flowident {

/* What becomes of the records on their way to JavaScript: fills `out` with what it shall see. Room for the largest
 * record and its labels is there whenever add is called. */
class RecordSink {
public:
	explicit RecordSink(uint8_t *out);
	void add(const uint8_t *record, size_t size);
	size_t used() const { return used_; }
	void rewind() { used_ = 0; }
	const LabelLosses &losses() const { return labels_.losses(); }

	static constexpr size_t kCapacity = 1u << 20;
	static constexpr size_t kMargin = 1u << 16; /* kept free for the labels of flows that are pushed out */

private:
	void copy(const uint8_t *record, size_t size);
	void labels(uint64_t flow, const uint8_t *packed, uint32_t len);
	void sample(const uint8_t *record, size_t size);
	void remember(uint64_t flow);

	uint8_t *out_;
	size_t used_ = 0;
	LabelAssembler labels_;
	/* Flows whose labels are complete: their further samples are dropped, or they would be read anew. */
	std::unordered_set<uint64_t> complete_;
	std::deque<uint64_t> order_;
};

class Ring {
public:
	/* Sets *slot, or leaves an exception pending. The ring frees itself after close() or with the environment, and
	 * then clears *slot. */
	static void start(Napi::Env env, int map_fd, Napi::Function on_batch, Ring **slot);
	/* Stops at once, clears the slot, and frees once libuv has let go. */
	void close();
	const LabelLosses &losses() const { return sink_.losses(); }

	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

private:
	Ring(Napi::Env env, Napi::ArrayBuffer buffer, Napi::Function on_batch);
	~Ring();

	static int onRecord(void *self, void *data, size_t size);
	static void onReadable(uv_handle_s *handle, int status, int events);
	static void onTimer(uv_handle_s *handle);
	static void onClosed(uv_handle_s *handle);
	static void onTeardown(napi_async_cleanup_hook_handle hook, void *self);
	void wait();
	void drain();

	uv_handle_s *poll() { return reinterpret_cast<uv_handle_s *>(poll_.data()); }
	uv_handle_s *timer() { return reinterpret_cast<uv_handle_s *>(timer_.data()); }

	Napi::Env env_;
	Napi::Reference<Napi::ArrayBuffer> buffer_;
	Napi::FunctionReference on_batch_;
	Napi::AsyncContext context_;
	RecordSink sink_;
	RingPtr ring_;
	uint32_t records_ = 0; /* of this wake-up */
	bool more_ = false; /* it ended before the ring was empty */
	std::vector<std::max_align_t> poll_, timer_; /* libuv's, of sizes that only it knows */
	int open_ = 0; /* of the two: not closed yet */
	Ring **slot_ = nullptr;
	bool closing_ = false;
	napi_async_cleanup_hook_handle hook_ = nullptr;
};

} // namespace flowident

#endif
