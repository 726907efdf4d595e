/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include <cstring>

namespace flowident {

namespace {

void put(Napi::Object o, const char *key, const std::string &v)
{
	o.Set(key, Napi::String::New(o.Env(), v));
}

void put(Napi::Object o, const char *key, uint64_t v)
{
	o.Set(key, Napi::Number::New(o.Env(), static_cast<double>(v)));
}

void putBig(Napi::Object o, const char *key, uint64_t v)
{
	o.Set(key, Napi::BigInt::New(o.Env(), v));
}

template <typename T, typename Fill> Napi::Object list(Napi::Env env, const std::vector<T> &from, Fill fill)
{
	Napi::Array out = Napi::Array::New(env, from.size());

	for (uint32_t i = 0; i < from.size(); i++) {
		Napi::Object o = Napi::Object::New(env);

		fill(o, from[i]);
		out.Set(i, o);
	}
	return out;
}

} // namespace

Napi::Object toValue(Napi::Env env, const std::vector<Attachment> &from)
{
	return list(env, from, [](Napi::Object o, const Attachment &a) {
		put(o, "program", a.program);
		put(o, "target", a.target);
		if (a.ifindex)
			put(o, "ifindex", static_cast<uint64_t>(a.ifindex));
		put(o, "mode", a.mode);
		o.Set("ok", a.ok);
		if (!a.error.empty())
			put(o, "error", a.error);
	});
}

Napi::Object toValue(Napi::Env env, const std::vector<Skipped> &from)
{
	return list(env, from, [](Napi::Object o, const Skipped &s) {
		put(o, "program", s.program);
		put(o, "error", s.error);
		if (!s.log.empty())
			put(o, "verifierLog", s.log);
	});
}

Napi::Object toValue(Napi::Env env, const std::vector<ProgramStats> &from)
{
	return list(env, from, [](Napi::Object o, const ProgramStats &s) {
		put(o, "name", s.name);
		put(o, "type", s.type);
		putBig(o, "runCount", s.run_count);
		putBig(o, "runNs", s.run_ns);
		put(o, "insns", s.insns);
		put(o, "verifiedInsns", s.verified_insns);
		put(o, "memlock", s.memlock);
	});
}

Napi::Object toValue(Napi::Env env, const std::vector<MapStats> &from)
{
	return list(env, from, [](Napi::Object o, const MapStats &s) {
		put(o, "name", s.name);
		put(o, "entries", s.entries);
		put(o, "capacity", s.capacity);
		put(o, "bytes", s.bytes);
	});
}

Napi::Object toValue(Napi::Env env, const std::vector<ProbeResult> &from)
{
	return list(env, from, [](Napi::Object o, const ProbeResult &r) {
		put(o, "feature", r.feature);
		o.Set("ok", r.ok);
		if (r.err)
			put(o, "errno", static_cast<uint64_t>(r.err));
		if (!r.detail.empty())
			put(o, "detail", r.detail);
	});
}

Napi::Object toValue(Napi::Env env, const LabelLosses &l)
{
	Napi::Object o = Napi::Object::New(env);

	putBig(o, "flowsEvicted", l.flows_evicted);
	putBig(o, "bytesDropped", l.bytes_dropped);
	putBig(o, "labelsDropped", l.labels_dropped);
	return o;
}

Napi::Value toArrayBuffer(Napi::Env env, const Buffer &bytes)
{
	Napi::ArrayBuffer out = Napi::ArrayBuffer::New(env, bytes.size());

	if (!bytes.empty() && !env.IsExceptionPending())
		memcpy(out.Data(), bytes.data(), bytes.size());
	return out;
}

} // namespace flowident
