/* SPDX-License-Identifier: Apache-2.0 */
#include "requests.h"

#include <time.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <unordered_map>

#include "job.h"
#include "values.h"

namespace flowident {

namespace {

/* Events of one turn: how long a scrape waits for the lock at most (some milliseconds). */
constexpr uint32_t kEvents = 8192;
/* The kernel wakes nobody: at this pace the ring holds what comes meanwhile, and an idle host costs 50 looks a second. */
constexpr auto kBusy = std::chrono::milliseconds(2), kIdle = std::chrono::milliseconds(20);

uint64_t monotonic()
{
	timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1000000000ull + static_cast<uint64_t>(t.tv_nsec);
}

template <typename T> void put(Buffer *out, const T &value)
{
	const uint8_t *p = reinterpret_cast<const uint8_t *>(&value);

	out->insert(out->end(), p, p + sizeof(T));
}

/* { struct fi_agg_key, the cell's words, u32 bytes of text, u32 0, text padded to 8 }[] */
void writeEntry(Buffer *out, const fi_agg_key &key, const RequestCell &cell, const std::string &text)
{
	put(out, key);
	put(out, cell.sum_ns);
	for (uint64_t n : cell.buckets)
		put(out, n);
	put(out, static_cast<uint64_t>(text.size()));
	out->insert(out->end(), text.begin(), text.end());
	out->resize((out->size() + 7) & ~size_t(7));
}

void writeMeter(const RequestMeter &meter, const std::unordered_map<uint32_t, fi_agg_key> &keys, Buffer *out)
{
	RequestCell unfollowed, evicted;

	unfollowed.sum_ns = meter.losses().unfollowed;
	evicted.sum_ns = meter.losses().evicted;
	writeEntry(out, {}, unfollowed, "loss\tunfollowed");
	writeEntry(out, {}, evicted, "loss\tconnections_evicted");
	meter.each([&](uint32_t slot, const RequestCell &cell, const std::string &text) {
		auto key = keys.find(slot);

		writeEntry(out, key == keys.end() ? fi_agg_key{} : key->second, cell, text);
	});
}

bool readOptions(const Napi::Value &from, MeterOptions *to)
{
	if (!from.IsObject())
		return false;
	Napi::Object o = from.As<Napi::Object>();
	const std::pair<const char *, uint32_t *> numbers[] = {{"series", &to->series}, {"hosts", &to->hosts}, {"routes", &to->routes}, {"flows", &to->flows}};
	Napi::Value templates = o.Get("templates");

	for (const auto &[name, number] : numbers) {
		Napi::Value v = o.Get(name);

		if (v.IsUndefined())
			continue;
		if (!v.IsNumber() || v.As<Napi::Number>().DoubleValue() < 1)
			return false;
		*number = v.As<Napi::Number>().Uint32Value();
	}
	if (templates.IsArray()) {
		Napi::Array list = templates.As<Napi::Array>();

		for (uint32_t i = 0; i < list.Length(); i++)
			to->templates.push_back(list.Get(i).ToString().Utf8Value());
	}
	return true;
}

} // namespace

std::shared_ptr<Requests> Requests::start(std::shared_ptr<Object> object, const MeterOptions &options, Failure *why)
{
	bpf_map *map = object->map("fi_requests");
	std::shared_ptr<Requests> self(new Requests(object, options));

	if (map)
		self->ring_.reset(ring_buffer__new(bpf_map__fd(map), onEvent, self.get(), nullptr));
	if (!self->ring_) {
		*why = failure("start ring", "fi_requests", map ? errno : ENOENT);
		return nullptr;
	}
	self->thread_ = std::thread([raw = self.get()] { raw->run(); });
	return self;
}

Requests::~Requests()
{
	stop_ = true;
	if (thread_.joinable())
		thread_.join();
}

int Requests::onEvent(void *data, void *event, size_t)
{
	auto *self = static_cast<Requests *>(data);

	self->meter_.event(*static_cast<const fi_request_event *>(event));
	return ++self->events_ >= kEvents ? -ECANCELED : 0;
}

void Requests::run()
{
	while (!stop_) {
		{
			std::lock_guard<std::mutex> lock(mutex_);

			events_ = 0;
			ring_buffer__consume(ring_.get()); /* its only error is ours, which ends a turn */
		}
		if (events_ < kEvents)
			std::this_thread::sleep_for(events_ ? kBusy : kIdle);
	}
}

Failure Requests::read(Buffer *out)
{
	Buffer keys, slots;
	uint64_t count = 0;
	std::unordered_map<uint32_t, fi_agg_key> by_slot;
	bpf_map *map = object_->map("fi_agg_keys");

	if (!map)
		return failure("read map", "fi_agg_keys", ENOENT);
	std::lock_guard<std::mutex> lock(mutex_);

	if (Failure f = readHash(map, &keys, &slots, &count)) /* with the lock: every slot that a series has is there */
		return f;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t slot;

		memcpy(&slot, slots.data() + i * 4, 4);
		memcpy(&by_slot[slot], keys.data() + i * sizeof(fi_agg_key), sizeof(fi_agg_key));
	}
	meter_.expire(monotonic());
	writeMeter(meter_, by_slot, out);
	return {};
}

Napi::Value startRequests(const Napi::CallbackInfo &info, std::shared_ptr<Object> object, std::shared_ptr<Requests> *to)
{
	Napi::Env env = info.Env();
	MeterOptions options;
	Failure why;

	if (!readOptions(info[0], &options))
		return failArgument(env, "startRequests: options must be an object of numbers from 1, and templates");
	if (*to)
		return fail(env, failure("start ring", "fi_requests", EBUSY, "it is running"));
	*to = Requests::start(object, options, &why);
	return *to ? env.Undefined() : fail(env, why);
}

Napi::Value readRequests(const Napi::CallbackInfo &info, std::shared_ptr<Requests> requests)
{
	return Job<Buffer>::run(
		info.Env(), "flowident:requests", [requests](Buffer *out) { return requests ? requests->read(out) : Failure{}; },
		[](Napi::Env e, Buffer *out) { return toArrayBuffer(e, *out); });
}

Napi::Value MeasureRequests(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	MeterOptions options;
	Buffer out;
	constexpr size_t kHead = offsetof(fi_request_event, data);

	if (!info[0].IsTypedArray() || !readOptions(info[1], &options))
		return failArgument(env, "measureRequests: events and options are needed");
	auto bytes = info[0].As<Napi::Uint8Array>();
	auto event = std::make_unique<fi_request_event>();
	RequestMeter meter(options);
	uint64_t last = 0;

	for (size_t at = 0; at + kHead <= bytes.ByteLength(); at += kHead + event->kept) {
		memcpy(event.get(), bytes.Data() + at, kHead);
		event->kept = static_cast<uint16_t>(std::min<size_t>({event->kept, FI_REQUEST_DATA, bytes.ByteLength() - at - kHead}));
		memcpy(event->data, bytes.Data() + at + kHead, event->kept);
		meter.event(*event);
		last = std::max<uint64_t>(last, event->now_ns);
	}
	meter.expire(last);
	std::unordered_map<uint32_t, fi_agg_key> keys;

	meter.each([&](uint32_t slot, const RequestCell &, const std::string &) {
		if (slot)
			keys[slot].uid = slot; /* there is no map to ask */
	});
	writeMeter(meter, keys, &out);
	return toArrayBuffer(env, out);
}

} // namespace flowident
