/* SPDX-License-Identifier: Apache-2.0 */
#include "classify.h"

#include <sys/random.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core.h"
#include "packs.h"
#include "replay.h"

namespace flowident {

namespace {

struct Bytes {
	const uint8_t *data = nullptr;
	size_t len = 0;
	bool ok = false;
};

Bytes bytesOf(const Napi::CallbackInfo &info, size_t i, const char *who)
{
	Bytes b;

	if (i < info.Length() && info[i].IsTypedArray() && info[i].As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
		auto a = info[i].As<Napi::Uint8Array>();

		b = {a.Data(), a.ByteLength(), true};
	} else {
		Napi::TypeError::New(info.Env(), std::string(who) + ": argument " + std::to_string(i + 1) + " must be a Uint8Array")
			.ThrowAsJavaScriptException();
	}
	return b;
}

Napi::Object optionsOf(const Napi::CallbackInfo &info, size_t i)
{
	return i < info.Length() && info[i].IsObject() ? info[i].As<Napi::Object>() : Napi::Object::New(info.Env());
}

uint32_t number(const Napi::Object &o, const char *key, uint32_t missing)
{
	Napi::Value v = o.Get(key);

	if (v.IsBoolean())
		return v.As<Napi::Boolean>().Value();
	return v.IsNumber() ? v.As<Napi::Number>().Uint32Value() : missing;
}

/* struct Replay as a JavaScript object. */
class ReplayHandle : public Napi::ObjectWrap<ReplayHandle> {
public:
	static Napi::Function define(Napi::Env env)
	{
		return DefineClass(env, "Replay",
				   {InstanceMethod("feed", &ReplayHandle::Feed), InstanceMethod("end", &ReplayHandle::End),
				    InstanceMethod("take", &ReplayHandle::Take), InstanceMethod("counters", &ReplayHandle::Counters),
				    InstanceMethod("summary", &ReplayHandle::Summary)});
	}

	explicit ReplayHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<ReplayHandle>(info)
	{
		Napi::Object o = optionsOf(info, 0);
		ReplayOptions options;

		options.max_flows = std::clamp<uint32_t>(number(o, "maxFlows", options.max_flows), 16, 1u << 26);
		options.idle_seconds = std::max<uint32_t>(1, number(o, "idleSeconds", options.idle_seconds));
		if (Napi::Value packs = o.Get("packs"); packs.IsTypedArray() && !readPacks(packs.As<Napi::Uint8Array>(), options.packs)) {
			Napi::TypeError::New(info.Env(), "createReplay: packs are not well formed").ThrowAsJavaScriptException();
			return;
		}
		if (getrandom(&options.seed, sizeof(options.seed), GRND_NONBLOCK) < 0)
			options.seed = reinterpret_cast<uintptr_t>(this);
		replay_ = std::make_unique<Replay>(options);
	}

private:
	Napi::Value Feed(const Napi::CallbackInfo &info)
	{
		Bytes b = bytesOf(info, 0, "feed");

		if (b.ok)
			replay_->feed(b.data, b.len);
		return info.Env().Undefined();
	}

	Napi::Value End(const Napi::CallbackInfo &info)
	{
		replay_->end();
		return info.Env().Undefined();
	}

	Napi::Value Take(const Napi::CallbackInfo &info)
	{
		std::vector<uint8_t> batch = replay_->take();

		if (batch.empty())
			return info.Env().Null();
		Napi::ArrayBuffer out = Napi::ArrayBuffer::New(info.Env(), batch.size());

		memcpy(out.Data(), batch.data(), batch.size());
		return out;
	}

	Napi::Value Counters(const Napi::CallbackInfo &info)
	{
		auto out = Napi::BigUint64Array::New(info.Env(), FI_C_MAX);

		for (size_t i = 0; i < FI_C_MAX; i++)
			out[i] = replay_->counters()[i];
		return out;
	}

	Napi::Value Summary(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		Napi::Object o = Napi::Object::New(env);
		const ReplaySummary &s = replay_->summary();
		const Capture &c = replay_->capture();
		const LabelLosses &l = replay_->labelLosses();
		auto set = [&](const char *key, uint64_t v) { o.Set(key, Napi::Number::New(env, static_cast<double>(v))); };

		set("packets", s.packets);
		o.Set("bytes", Napi::BigInt::New(env, s.bytes));
		set("flows", s.flows);
		o.Set("format", c.format());
		set("link", s.link);
		set("evicted", s.evicted);
		set("linkUnknown", s.link_unknown);
		set("cut", s.cut);
		o.Set("firstNs", Napi::BigInt::New(env, s.first_ns));
		o.Set("lastNs", Napi::BigInt::New(env, s.last_ns));
		set("labelFlowsEvicted", l.flows_evicted);
		set("labelBytesDropped", l.bytes_dropped);
		set("labelsDropped", l.labels_dropped);
		o.Set("problem", c.problem().empty() ? env.Null() : static_cast<Napi::Value>(Napi::String::New(env, c.problem())));
		o.Set("foreign", c.foreign());
		return o;
	}

	std::unique_ptr<Replay> replay_;
};

} // namespace

Napi::Value Signatures(const Napi::CallbackInfo &info)
{
	Bytes b = bytesOf(info, 0, "signatures");

	if (!b.ok)
		return info.Env().Undefined();
	Napi::Object o = optionsOf(info, 1);
	fi_win w;

	memset(&w, 0, sizeof(w));
	w.len = static_cast<__u32>(std::min<size_t>(b.len, FI_WINDOW));
	w.total = number(o, "total", static_cast<uint32_t>(b.len));
	w.l4 = static_cast<__u8>(number(o, "l4", FI_TCP));
	w.whole = number(o, "whole", w.l4 == FI_UDP) != 0;
	w.start = number(o, "start", 1) != 0;
	w.from = static_cast<__u8>(number(o, "from", FI_EITHER));
	w.sport_be = __builtin_bswap16(static_cast<uint16_t>(number(o, "sport", 0)));
	w.dport_be = __builtin_bswap16(static_cast<uint16_t>(number(o, "dport", 0)));
	w.below = static_cast<__u16>(number(o, "below", 0));
	memcpy(w.data, b.data, w.len);

	__u64 pairs[2 * FI_CORE_ANSWERS];
	int n = fi_core_ask_all(&w, pairs);
	auto out = Napi::BigUint64Array::New(info.Env(), static_cast<size_t>(2 * n));

	for (int i = 0; i < 2 * n; i++)
		out[static_cast<size_t>(i)] = pairs[i];
	return out;
}

Napi::Value Labels(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Bytes b = bytesOf(info, 1, "labels");

	if (!b.ok)
		return env.Undefined();
	Napi::Object o = optionsOf(info, 2), out = Napi::Object::New(env);
	uint32_t id = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
	fi_labels labels;
	/* A copy of the exact size: reading past the end shows under a sanitizer. */
	std::vector<uint8_t> copy(b.data, b.data + b.len);
	fi_text text = {copy.data(),
			static_cast<__u32>(copy.size()),
			static_cast<__u8>(number(o, "who", FI_CLIENT)),
			static_cast<__u8>(number(o, "whole", 0)),
			static_cast<__u8>(number(o, "l4", FI_TCP)),
			static_cast<__u8>(number(o, "last", 0))};

	memset(&labels, 0, sizeof(labels));
	out.Set("complete", fi_core_labels(static_cast<__u16>(std::min<uint32_t>(id, 0xffff)), &text, &labels) != 0);
	auto packed = Napi::Uint8Array::New(env, labels.used);

	memcpy(packed.Data(), labels.bytes, labels.used);
	out.Set("bytes", packed);
	return out;
}

Napi::Value CreateReplay(const Napi::CallbackInfo &info)
{
	Napi::Function constructor = ReplayHandle::define(info.Env());

	return constructor.New({info.Length() ? info[0] : info.Env().Undefined()});
}

} // namespace flowident
