/* SPDX-License-Identifier: Apache-2.0 */
#include "ring.h"

#include <cerrno>
#include <cstring>

namespace flowident {

namespace {

/* Records of one wake-up: bounds the time that other work of the loop has to wait (about 1 ms with samples). */
constexpr uint32_t kRecords = 4096;
/* Time between two looks while records come: what a record may be late, and how many wake-ups a second there are. */
constexpr unsigned kPauseMs = 10;

std::vector<std::max_align_t> memory(int type)
{
	return std::vector<std::max_align_t>((uv_handle_size(type) + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t));
}

bool named(int type, const char *name)
{
	const char *have = uv_handle_type_name(type);

	return have && strcmp(have, name) == 0;
}

} // namespace

Ring::Ring(Napi::Env env, Napi::ArrayBuffer buffer, Napi::Function on_batch)
	: env_(env), buffer_(Napi::Persistent(buffer)), on_batch_(Napi::Persistent(on_batch)), context_(env, "flowident:ring"),
	  sink_(static_cast<uint8_t *>(buffer.Data())), poll_(memory(kUvPoll)), timer_(memory(kUvTimer))
{
}

Ring::~Ring() = default;

void Ring::start(Napi::Env env, int map_fd, Napi::Function on_batch, Ring **slot)
{
	uv_loop_s *loop = nullptr;
	Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, RecordSink::kCapacity);

	if (env.IsExceptionPending())
		return;
	if (!named(kUvPoll, "poll") || !named(kUvTimer, "timer") || napi_get_uv_event_loop(env, &loop) != napi_ok) {
		fail(env, failure("start ring", "fi_ring", ENOTSUP, "this node has another libuv than 1.x"));
		return;
	}
	auto *self = new Ring(env, buffer, on_batch);

	self->ring_.reset(ring_buffer__new(map_fd, onRecord, self, nullptr));
	int err = self->ring_ ? uv_timer_init(loop, self->timer()) : -errno;

	if (err) {
		delete self;
		fail(env, failure("start ring", "fi_ring", err));
		return;
	}
	self->open_ = 1;
	uv_handle_set_data(self->timer(), self);
	/* A worker's loop must not be freed with our handles on it: the hook holds the teardown until libuv has let go. */
	napi_add_async_cleanup_hook(env, onTeardown, self, &self->hook_);
	err = uv_poll_init(loop, self->poll(), ring_buffer__epoll_fd(self->ring_.get()));
	if (!err) {
		self->open_ = 2;
		uv_handle_set_data(self->poll(), self);
		err = uv_poll_start(self->poll(), kUvReadable, onReadable);
	}
	if (err) {
		self->close();
		fail(env, failure("start ring", "fi_ring", err));
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
	self->more_ = ++self->records_ >= kRecords || self->sink_.used() > RecordSink::kCapacity - RecordSink::kMargin;
	return self->more_ ? -ECANCELED : 0;
}

void Ring::onReadable(uv_handle_s *handle, int, int)
{
	auto *self = static_cast<Ring *>(uv_handle_get_data(handle));

	uv_poll_stop(handle);
	self->drain();
	self->wait();
}

void Ring::onTimer(uv_handle_s *handle)
{
	auto *self = static_cast<Ring *>(uv_handle_get_data(handle));

	self->drain();
	self->wait();
}

/* After a look at the ring: when to look again. An error of a restart cannot be: both worked before. */
void Ring::wait()
{
	if (closing_)
		return;
	if (records_)
		uv_timer_start(timer(), onTimer, more_ ? 0 : kPauseMs, 0);
	else
		uv_poll_start(poll(), kUvReadable, onReadable);
}

void Ring::drain()
{
	Napi::HandleScope scope(env_);

	records_ = 0;
	more_ = false;
	sink_.rewind();
	ring_buffer__consume(ring_.get()); /* its only error is ours: what is left is for the next look */
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
	if (open_ == 2)
		uv_close(poll(), onClosed);
	uv_close(timer(), onClosed);
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

	if (--self->open_)
		return;
	napi_remove_async_cleanup_hook(self->hook_);
	delete self;
}

} // namespace flowident
