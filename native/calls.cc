/* SPDX-License-Identifier: Apache-2.0 */
#include "calls.h"

#include "job.h"
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
	}
	return out;
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

} // namespace flowident
