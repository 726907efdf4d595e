/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

namespace flowident {

namespace {

/* A whole number in 1..most, or absent. */
bool readSize(Napi::Env env, const Napi::Object &from, const char *key, double most, uint32_t *to)
{
	Napi::Value v = from.Get(key);

	if (v.IsUndefined())
		return true;
	double n = v.IsNumber() ? v.As<Napi::Number>().DoubleValue() : -1;

	if (n < 1 || n > most || n != std::floor(n)) {
		failArgument(env, std::string("openKernel: ") + key + " must be a whole number from 1 to " + std::to_string(static_cast<uint64_t>(most)));
		return false;
	}
	*to = static_cast<uint32_t>(n);
	return true;
}

bool readWord(Napi::Env env, const Napi::Object &from, const char *key, std::initializer_list<const char *> words, std::string *to)
{
	Napi::Value v = from.Get(key);
	std::string all;

	if (v.IsString())
		*to = v.As<Napi::String>().Utf8Value();
	for (const char *w : words) {
		if (v.IsString() && *to == w)
			return true;
		all += (all.empty() ? "" : ", ") + std::string(w);
	}
	failArgument(env, std::string("attachInterface: ") + key + " must be one of " + all);
	return false;
}

bool bytesOf(const Napi::Value &v, const uint8_t **data, size_t *len)
{
	if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		return false;
	auto a = v.As<Napi::Uint8Array>();

	*data = a.Data();
	*len = a.ByteLength();
	return true;
}

} // namespace

bool readLoadOptions(Napi::Env env, Napi::Value from, LoadOptions *to)
{
	if (!from.IsObject()) {
		failArgument(env, "openKernel: options must be an object");
		return false;
	}
	Napi::Object o = from.As<Napi::Object>();
	Napi::Value path = o.Get("object"), without = o.Get("without"), constants = o.Get("constants"), stats = o.Get("stats");

	if (!path.IsUndefined() && !path.IsString()) {
		failArgument(env, "openKernel: object must be a path");
		return false;
	}
	if (Napi::Value keep = o.Get("keep"); keep.IsString())
		to->keep = keep.As<Napi::String>().Utf8Value();
	if (path.IsString())
		to->path = path.As<Napi::String>().Utf8Value();
	/* 16 Mi entries of 204 bytes are 3.3 GB: more is a mistake */
	if (!readSize(env, o, "flows", 1 << 24, &to->flows) || !readSize(env, o, "pending", 1 << 20, &to->pending) ||
	    !readSize(env, o, "ringBytes", 1 << 30, &to->ring_bytes) || !readSize(env, o, "aggregates", (1 << 20) - 1, &to->aggregates) ||
	    !readSize(env, o, "requestBytes", 1 << 30, &to->request_bytes))
		return false;
	if (without.IsArray()) {
		Napi::Array list = without.As<Napi::Array>();

		for (uint32_t i = 0; i < list.Length(); i++)
			to->without.push_back(list.Get(i).ToString().Utf8Value());
	} else if (!without.IsUndefined()) {
		failArgument(env, "openKernel: without must be a list of program names");
		return false;
	}
	if (constants.IsObject()) {
		Napi::Object values = constants.As<Napi::Object>();
		Napi::Array names = values.GetPropertyNames();

		for (uint32_t i = 0; i < names.Length(); i++) {
			std::string name = names.Get(i).ToString().Utf8Value();
			Napi::Value v = values.Get(name);

			if (!v.IsNumber()) {
				failArgument(env, "openKernel: constant " + name + " must be a number");
				return false;
			}
			to->constants[name] = v.As<Napi::Number>().DoubleValue();
		}
	}
	to->stats = stats.IsBoolean() && stats.As<Napi::Boolean>().Value();
	return !env.IsExceptionPending();
}

bool readInterfaceOptions(Napi::Env env, Napi::Value from, InterfaceOptions *to)
{
	if (!from.IsObject()) {
		failArgument(env, "attachInterface: options must be an object");
		return false;
	}
	Napi::Object o = from.As<Napi::Object>();

	return readWord(env, o, "xdp", {"auto", "native", "generic", "off"}, &to->xdp) && readWord(env, o, "egress", {"auto", "tcx", "clsact", "off"}, &to->egress);
}

bool readIfindex(Napi::Env env, Napi::Value from, int least, int *to)
{
	double n = from.IsNumber() ? from.As<Napi::Number>().DoubleValue() : -1;

	if (n < least || n > 0x7fffffff || n != std::floor(n)) {
		failArgument(env, "ifindex must be a whole number from " + std::to_string(least) + " on");
		return false;
	}
	*to = static_cast<int>(n);
	return true;
}

Napi::Value interfaceState(const Napi::CallbackInfo &info, Attacher &attacher)
{
	Napi::Env env = info.Env();
	int ifindex;

	if (!readIfindex(env, info[0], 1, &ifindex))
		return env.Undefined();
	InterfaceState s = attacher.state(ifindex);
	Napi::Object out = Napi::Object::New(env);

	out.Set("alive", s.alive);
	out.Set("xdpFree", s.xdp_free);
	return out;
}

Napi::Value testRun(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	Napi::Env env = info.Env();
	const uint8_t *data = nullptr, *ctx = nullptr;
	size_t len = 0, ctx_len = 0;
	double repeat = 1;

	if (!info[0].IsString() || !bytesOf(info[1], &data, &len))
		return failArgument(env, "testRun: a program name and a Uint8Array are needed");
	if (info[2].IsObject()) {
		Napi::Object o = info[2].As<Napi::Object>();

		if (o.Get("repeat").IsNumber())
			repeat = std::clamp(o.Get("repeat").As<Napi::Number>().DoubleValue(), 1.0, 1e9);
		if (!o.Get("ctx").IsUndefined() && !bytesOf(o.Get("ctx"), &ctx, &ctx_len))
			return failArgument(env, "testRun: ctx must be a Uint8Array");
	}
	std::string name = info[0].As<Napi::String>().Utf8Value();
	bpf_program *p = object->program(name);

	if (!p)
		return fail(env, failure("test run", name, ENOENT, "no such program is loaded"));
	/* Such a program runs once, and writes into its context in place. */
	const bool call = bpf_program__type(p) == BPF_PROG_TYPE_SYSCALL;
	std::vector<uint8_t> out(len ? len + 512 : 0), ctx_out(call ? 0 : ctx_len);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = len ? data : nullptr, .data_out = len ? out.data() : nullptr, .data_size_in = static_cast<uint32_t>(len),
		    .data_size_out = static_cast<uint32_t>(out.size()), .ctx_in = ctx_len ? ctx : nullptr, .ctx_out = ctx_out.empty() ? nullptr : ctx_out.data(),
		    .ctx_size_in = static_cast<uint32_t>(ctx_len), .ctx_size_out = static_cast<uint32_t>(ctx_out.size()), .repeat = call ? 0 : static_cast<int>(repeat));
	int err = bpf_prog_test_run_opts(bpf_program__fd(p), &opts);

	if (err)
		return fail(env, failure("test run", name, err));
	Napi::Object result = Napi::Object::New(env);
	auto bytes = Napi::Uint8Array::New(env, std::min<size_t>(opts.data_size_out, out.size()));

	if (bytes.ByteLength())
		memcpy(bytes.Data(), out.data(), bytes.ByteLength());
	result.Set("retval", Napi::Number::New(env, opts.retval));
	result.Set("durationNs", Napi::Number::New(env, opts.duration));
	result.Set("data", bytes);
	return result;
}

} // namespace flowident
