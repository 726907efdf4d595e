/* SPDX-License-Identifier: Apache-2.0 */
/* KernelHandle of addon.d.ts. The handle belongs to the JavaScript thread; what jobs need is shared with them. Its
 * methods need no check of their receiver: napi_define_class refuses objects of another class. */
#include "kernel.h"

#include <cerrno>
#include <cmath>

#include "job.h"
#include "maps.h"
#include "options.h"
#include "probe.h"
#include "ring.h"
#include "calls.h"
#include "packs.h"
#include "requests.h"
#include "rules.h"
#include "values.h"

namespace flowident {

namespace {

const Failure kClosed = failure("use", "kernel handle", EBADF, "it is closed");

struct Loaded {
	std::shared_ptr<Object> object;
};

class KernelHandle : public Napi::ObjectWrap<KernelHandle> {
public:
	static Napi::Function define(Napi::Env env)
	{
		return DefineClass(env, "KernelHandle",
				   {
					   InstanceMethod<&KernelHandle::AttachHost>("attachHost"),
					   InstanceMethod<&KernelHandle::AttachInterface>("attachInterface"),
					   InstanceMethod<&KernelHandle::AttachFilter>("attachFilter"),
					   InstanceMethod<&KernelHandle::DetachInterface>("detachInterface"),
					   InstanceMethod<&KernelHandle::State>("interfaceState"),
					   InstanceMethod<&KernelHandle::StartRing>("startRing"),
					   InstanceMethod<&KernelHandle::DumpFlows>("dumpFlows"),
					   InstanceMethod<&KernelHandle::Run<expireFlows>>("expire"),
					   InstanceMethod<&KernelHandle::Run<ruleSockets>>("ruleSockets"),
					   InstanceMethod<&KernelHandle::Aggregates>("aggregates"),
					   InstanceMethod<&KernelHandle::Connections>("connections"),
					   InstanceMethod<&KernelHandle::StartRequests>("startRequests"),
					   InstanceMethod<&KernelHandle::ReadRequests>("requests"),
					   InstanceMethod<&KernelHandle::Counters>("counters"),
					   InstanceMethod<&KernelHandle::Losses>("labelLosses"),
					   InstanceMethod<&KernelHandle::Programs>("programs"),
					   InstanceMethod<&KernelHandle::Maps>("maps"),
					   InstanceMethod<&KernelHandle::on<testRun>>("testRun"),
					   InstanceMethod<&KernelHandle::on<installRules>>("installRules"),
					   InstanceMethod<&KernelHandle::on<ruleHits>>("ruleHits"),
					   InstanceMethod<&KernelHandle::on<endRuleTrial>>("endTrial"),
					   InstanceMethod<&KernelHandle::on<installPacks>>("installPacks"),
					   InstanceMethod<&KernelHandle::on<packNames>>("packNames"),
					   InstanceMethod<&KernelHandle::on<setBudget>>("setBudget"),
					   InstanceMethod<&KernelHandle::Settle>("settle"),
					   InstanceMethod<&KernelHandle::Close>("close"),
					   InstanceAccessor<&KernelHandle::GetKept>("kept"),
					   InstanceAccessor<&KernelHandle::GetSkipped>("skipped"),
				   });
	}

	/* Constructed by openKernel only, which hands over the loaded object. */
	explicit KernelHandle(const Napi::CallbackInfo &info) : Napi::ObjectWrap<KernelHandle>(info)
	{
		object_ = *info[0].As<Napi::External<std::shared_ptr<Object>>>().Data();
		attacher_ = std::make_shared<Attacher>(object_);
		skipped_ = Napi::Persistent(toValue(info.Env(), object_->skipped()));
	}

	~KernelHandle() override { shut(); }

private:
	void shut()
	{
		if (ring_)
			ring_->close();
		if (attacher_)
			attacher_->close(); /* waits for an attach that is under way, which then finds itself closed */
		requests_.reset();
		attacher_.reset();
		object_.reset();
	}

	bool closed(Napi::Env env)
	{
		if (!object_)
			fail(env, kClosed);
		return !object_;
	}

	Napi::Value attach(Napi::Env env, const char *name, std::function<bool(Attacher &, std::vector<Attachment> *)> step)
	{
		return Job<std::vector<Attachment>>::run(
			env, name,
			[attacher = attacher_, step](std::vector<Attachment> *out) { return step(*attacher, out) ? Failure{} : kClosed; },
			[](Napi::Env e, std::vector<Attachment> *out) { return toValue(e, *out); });
	}

	Napi::Value bytes(Napi::Env env, const char *name, Failure (*read)(const Object &, Buffer *))
	{
		return Job<Buffer>::run(
			env, name, [object = object_, read](Buffer *out) { return read(*object, out); },
			[](Napi::Env e, Buffer *out) { return toArrayBuffer(e, *out); });
	}

	Napi::Value AttachHost(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();

		if (closed(env))
			return env.Undefined();
		if (!info[0].IsObject())
			return failArgument(env, "attachHost: options must be an object");
		Napi::Value v = info[0].As<Napi::Object>().Get("cgroup");

		if (!v.IsString() && !v.IsNull())
			return failArgument(env, "attachHost: cgroup must be a path or null");
		std::string cgroup = v.IsString() ? v.As<Napi::String>().Utf8Value() : "";

		return attach(env, "flowident:attachHost", [cgroup](Attacher &a, std::vector<Attachment> *out) { return a.host(cgroup, out); });
	}

	Napi::Value AttachInterface(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		InterfaceOptions options;
		int ifindex;

		if (closed(env) || !readIfindex(env, info[0], 1, &ifindex) || !readInterfaceOptions(env, info[1], &options))
			return env.Undefined();
		return attach(env, "flowident:attachInterface",
			      [ifindex, options](Attacher &a, std::vector<Attachment> *out) { return a.interface(ifindex, options, out); });
	}

	Napi::Value AttachFilter(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		int ifindex;

		if (closed(env) || !readIfindex(env, info[0], 0, &ifindex))
			return env.Undefined();
		return attach(env, "flowident:attachFilter", [ifindex](Attacher &a, std::vector<Attachment> *out) { return a.filter(ifindex, out); });
	}

	Napi::Value DetachInterface(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		int ifindex;

		if (!closed(env) && readIfindex(env, info[0], 0, &ifindex))
			attacher_->detach(ifindex);
		return env.Undefined();
	}

	Napi::Value StartRing(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();

		if (closed(env))
			return env.Undefined();
		if (!info[0].IsFunction())
			return failArgument(env, "startRing: a function is needed");
		bpf_map *map = object_->map("fi_ring");

		if (!map || ring_)
			return fail(env, failure("start ring", "fi_ring", map ? EBUSY : ENOENT, map ? "it is running" : "the object has no such map"));
		Ring::start(env, bpf_map__fd(map), info[0].As<Napi::Function>(), &ring_);
		if (ring_)
			Ref(); /* as long as records come, somebody is interested in this handle */
		return env.Undefined();
	}

	Napi::Value DumpFlows(const Napi::CallbackInfo &info)
	{
		return closed(info.Env()) ? info.Env().Undefined() : bytes(info.Env(), "flowident:dumpFlows", dumpFlows);
	}

	template <Failure (*run)(const Object &)> Napi::Value Run(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();

		if (closed(env))
			return env.Undefined();
		return Job<bool>::run(
			env, "flowident:run", [object = object_](bool *) { return run(*object); }, [](Napi::Env e, bool *) { return e.Undefined(); });
	}

	Napi::Value Aggregates(const Napi::CallbackInfo &info)
	{
		return closed(info.Env()) ? info.Env().Undefined() : bytes(info.Env(), "flowident:aggregates", readAggregates);
	}

	Napi::Value Counters(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		std::vector<uint64_t> sums;

		if (closed(env))
			return env.Undefined();
		if (Failure f = readCounters(*object_, &sums))
			return fail(env, f);
		auto out = Napi::BigUint64Array::New(env, sums.size());

		for (size_t i = 0; i < sums.size(); i++)
			out[i] = sums[i];
		return out;
	}

	Napi::Value Losses(const Napi::CallbackInfo &info) { return toValue(info.Env(), ring_ ? ring_->losses() : LabelLosses{}); }

	Napi::Value Programs(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();
		std::vector<ProgramStats> stats;

		if (closed(env))
			return env.Undefined();
		if (Failure f = programStats(*object_, &stats))
			return fail(env, f);
		return toValue(env, stats);
	}

	Napi::Value Maps(const Napi::CallbackInfo &info)
	{
		Napi::Env env = info.Env();

		if (closed(env))
			return env.Undefined();
		return Job<std::vector<MapStats>>::run(
			env, "flowident:maps", [object = object_](std::vector<MapStats> *out) { return mapStats(*object, out); },
			[](Napi::Env e, std::vector<MapStats> *out) { return toValue(e, *out); });
	}

	Napi::Value Connections(const Napi::CallbackInfo &info) { return closed(info.Env()) ? info.Env().Undefined() : bytes(info.Env(), "flowident:connections", readConnections); }
	Napi::Value StartRequests(const Napi::CallbackInfo &info) { return closed(info.Env()) ? info.Env().Undefined() : startRequests(info, object_, &requests_); }
	Napi::Value ReadRequests(const Napi::CallbackInfo &info) { return readRequests(info, requests_); }
	/* A call that needs the loaded object only. */
	template <Napi::Value (*Call)(const Napi::CallbackInfo &, const std::shared_ptr<Object> &)> Napi::Value on(const Napi::CallbackInfo &info)
	{
		return closed(info.Env()) ? info.Env().Undefined() : Call(info, object_);
	}

	Napi::Value Close(const Napi::CallbackInfo &info)
	{
		bool running = ring_ != nullptr;

		shut();
		if (running)
			Unref();
		return info.Env().Undefined();
	}

	Napi::Value Settle(const Napi::CallbackInfo &info)
	{
		if (!closed(info.Env()))
			attacher_->settle();
		return info.Env().Undefined();
	}

	Napi::Value GetKept(const Napi::CallbackInfo &info) { return closed(info.Env()) ? info.Env().Undefined() : keptValue(info.Env(), *object_); }
	Napi::Value State(const Napi::CallbackInfo &info) { return closed(info.Env()) ? info.Env().Undefined() : interfaceState(info, *attacher_); }
	Napi::Value GetSkipped(const Napi::CallbackInfo &) { return skipped_.Value(); }

	std::shared_ptr<Object> object_;
	std::shared_ptr<Attacher> attacher_;
	std::shared_ptr<Requests> requests_;
	Ring *ring_ = nullptr; /* clears itself */
	Napi::ObjectReference skipped_;
};

} // namespace

Napi::Value OpenKernel(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	LoadOptions options;

	if (!readLoadOptions(env, info[0], &options))
		return env.Undefined();
	return Job<Loaded>::run(
		env, "flowident:openKernel",
		[options](Loaded *out) {
			Failure why;

			out->object = Object::load(options, &why);
			return why;
		},
		[](Napi::Env e, Loaded *out) -> Napi::Value {
			return KernelHandle::define(e).New({Napi::External<std::shared_ptr<Object>>::New(e, &out->object)});
		});
}

} // namespace flowident
