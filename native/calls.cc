/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include <cerrno>

#include "core.h"
#include "job.h"
#include "qdisc.h"
#include "values.h"

namespace flowident {

Napi::Value keptValue(Napi::Env env, const Object &object)
{
	Napi::Object out = Napi::Object::New(env);
	const Keep *keep = object.keep();

	if (!object.keepError().empty())
		out.Set("error", object.keepError());
	if (keep) {
		out.Set("folder", keep->folder());
		out.Set("maps", keep->adoptedMaps());
		out.Set("links", keep->adoptedLinks());
		out.Set("otherLayouts", keep->otherLayouts());
		out.Set("rulesOff", keep->rulesOff());
	}
	return out;
}

Napi::Value setBudget(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	const bpf_map *map = object->map("fi_budget");
	uint32_t zero = 0, step;

	if (info.Length() < 1 || !info[0].IsNumber() || (step = info[0].As<Napi::Number>().Uint32Value()) >= FI_B_MAX)
		return failArgument(info.Env(), "setBudget: a step of enum fi_budget_step is needed");
	if (!map || bpf_map_update_elem(bpf_map__fd(map), &zero, &step, BPF_ANY))
		return fail(info.Env(), failure("set budget", "fi_budget", map ? errno : ENOENT));
	return info.Env().Undefined();
}

Napi::Value RunProbe(const Napi::CallbackInfo &info)
{
	return Job<std::vector<ProbeResult>>::run(
		info.Env(), "flowident:probe",
		[](std::vector<ProbeResult> *out) {
			*out = probe();
			return Failure{};
		},
		[](Napi::Env e, std::vector<ProbeResult> *out) { return toValue(e, *out); });
}

Napi::Value TakeDown(const Napi::CallbackInfo &info)
{
	if (info.Length() < 1 || !info[0].IsString())
		return failArgument(info.Env(), "takeDown: the folder must be a path");
	return Job<uint32_t>::run(
		info.Env(), "flowident:takeDown", [folder = info[0].As<Napi::String>().Utf8Value()](uint32_t *removed) { return Keep::down(folder, removed); },
		[](Napi::Env env, uint32_t *removed) -> Napi::Value { return Napi::Number::New(env, *removed); });
}

Napi::Value ListFilters(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	struct if_nameindex *all = if_nameindex();
	std::vector<OwnFilter> found;
	Napi::Array out = Napi::Array::New(env);

	if (!all)
		return fail(env, failure("if_nameindex", "", errno));
	for (auto *i = all; i->if_index; i++)
		ownFilters(static_cast<int>(i->if_index), &found); /* an interface that is gone meanwhile has none */
	if_freenameindex(all);
	for (const auto &[filter, id] : found) {
		Napi::Object o = Napi::Object::New(env);

		o.Set("program", filter.program);
		o.Set("programId", id);
		o.Set("ifindex", filter.ifindex);
		o.Set("egress", filter.egress);
		o.Set("handle", filter.handle);
		o.Set("priority", filter.priority);
		out.Set(out.Length(), o);
	}
	return out;
}

Napi::Value RemoveFilter(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Filter f;

	if (info.Length() < 1 || !info[0].IsObject())
		return failArgument(env, "removeFilter: what clsactFilters gave");
	auto o = info[0].As<Napi::Object>();

	for (const char *name : {"ifindex", "handle", "priority"})
		if (!o.Get(name).IsNumber())
			return failArgument(env, "removeFilter: what clsactFilters gave");
	f.ifindex = o.Get("ifindex").As<Napi::Number>();
	f.egress = o.Get("egress").ToBoolean();
	f.handle = o.Get("handle").As<Napi::Number>();
	f.priority = o.Get("priority").As<Napi::Number>();
	f.made_qdisc = true;
	detachFilter(f);
	return env.Undefined();
}

} // namespace flowident
