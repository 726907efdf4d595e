/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <cerrno>
#include <cstring>

namespace flowident {

namespace {

/* Records of one wake-up: bounds the time that other work of the loop has to wait (about 1 ms with samples). */
constexpr uint32_t kRecords = 4096;

} // namespace

Ring::Ring(Napi::Env env, Napi::ArrayBuffer buffer, Napi::Function on_batch)
	: env_(env), buffer_(Napi::Persistent(buffer)), on_batch_(Napi::Persistent(on_batch)), context_(env, "flowident:ring"),
	  sink_(static_cast<uint8_t *>(buffer.Data())),
	  handle_((uv_handle_size(kUvPoll) + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t))
{
}

Ring::~Ring() = default;

void Ring::start(Napi::Env env, int map_fd, Napi::Function on_batch, Ring **slot)
{
	uv_loop_s *loop = nullptr;
	const char *type = uv_handle_type_name(kUvPoll);
	Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, RecordSink::kCapacity);

	if (env.IsExceptionPending())
		return;
	if (!type || strcmp(type, "poll") != 0 || napi_get_uv_event_loop(env, &loop) != napi_ok) {
		fail(env, failure("start ring", "fi_ring", ENOTSUP, "this node has another libuv than 1.x"));
		return;
	}
	auto *self = new Ring(env, buffer, on_batch);
	auto *handle = reinterpret_cast<uv_handle_s *>(self->handle_.data());

	self->ring_.reset(ring_buffer__new(map_fd, onRecord, self, nullptr));
	int err = self->ring_ ? 0 : errno;
	int poll = err ? 0 : uv_poll_init(loop, handle, ring_buffer__epoll_fd(self->ring_.get()));

	if (err || poll) {
		delete self;
		fail(env, failure("start ring", "fi_ring", err ? err : poll));
		return;
	}
	uv_handle_set_data(handle, self);
	/* A worker's loop must not be freed with our handle on it: the hook holds the teardown until libuv has let go. */
	napi_add_async_cleanup_hook(env, onTeardown, self, &self->hook_);
	poll = uv_poll_start(handle, kUvReadable, onReadable);
	if (poll) {
		self->close();
		fail(env, failure("start ring", "fi_ring", poll));
		return;
	}
	self->slot_ = slot;
	*slot = self;
}

int Ring::onRecord(void *data, void *record, size_t size)
{
	auto *self = static_cast<Ring *>(data);

	self->sink_.add(static_cast<const uint8_t *>(record), size);
	/* A negative value ends this round; the record itself is consumed. */
	return ++self->records_ >= kRecords || self->sink_.used() > RecordSink::kCapacity - RecordSink::kMargin ? -ECANCELED : 0;
}

void Ring::onReadable(uv_handle_s *handle, int status, int events)
{
	if (status == 0)
		static_cast<Ring *>(uv_handle_get_data(handle))->drain();
}

void Ring::drain()
{
	Napi::HandleScope scope(env_);

	records_ = 0;
	sink_.rewind();
	ring_buffer__consume(ring_.get()); /* its only error is ours: what is left wakes the loop again */
	if (!sink_.used())
		return;
	Napi::Value buffer = buffer_.Value();

	on_batch_.MakeCallback(env_.Global(), {buffer, Napi::Number::New(env_, static_cast<double>(sink_.used()))}, context_);
	if (env_.IsExceptionPending()) {
		/* Nobody is above us to catch it: as for any callback of the event loop, it is an uncaught exception. */
		napi_value error = nullptr;

		if (napi_get_and_clear_last_exception(env_, &error) == napi_ok && error)
			napi_fatal_exception(env_, error);
	}
}

void Ring::close()
{
	if (closing_)
		return;
	closing_ = true;
	if (slot_)
		*slot_ = nullptr;
	auto *handle = reinterpret_cast<uv_handle_s *>(handle_.data());

	uv_poll_stop(handle);
	uv_close(handle, onClosed);
}

void Ring::onTeardown(napi_async_cleanup_hook_handle, void *self)
{
	auto *ring = static_cast<Ring *>(self);

	ring->close();
}

void Ring::onClosed(uv_handle_s *handle)
{
	auto *self = static_cast<Ring *>(uv_handle_get_data(handle));
	Napi::HandleScope scope(self->env_);

	napi_remove_async_cleanup_hook(self->hook_);
	delete self;
}

} // namespace flowident
