/* SPDX-License-Identifier: Apache-2.0 */
/* Exports of the addon; declared in addon.d.ts. */
#include <bpf/libbpf.h>
#include <napi.h>

#include "calls.h"
#include "classify.h"
#include "core.h"
#include "host.h"
#include "kernel.h"
#include "packs.h"
#include "requests.h"
#include "reset.h"
#include "rules.h"

namespace flowident {

static Napi::Value Version(const Napi::CallbackInfo &info)
{
	Napi::Object o = Napi::Object::New(info.Env());

	o.Set("libbpf", libbpf_version_string());
	o.Set("abi", FI_ABI_VERSION);
	return o;
}

static Napi::Object Exports(Napi::Env env, Napi::Object exports)
{
	exports.Set("version", Napi::Function::New<Version>(env, "version"));
	exports.Set("openKernel", Napi::Function::New<OpenKernel>(env, "openKernel"));
	exports.Set("clsactFilters", Napi::Function::New<ListFilters>(env, "clsactFilters"));
	exports.Set("removeFilter", Napi::Function::New<RemoveFilter>(env, "removeFilter"));
	exports.Set("takeDown", Napi::Function::New<TakeDown>(env, "takeDown"));
	exports.Set("probe", Napi::Function::New<RunProbe>(env, "probe"));
	exports.Set("createReplay", Napi::Function::New<CreateReplay>(env, "createReplay"));
	exports.Set("packClaims", Napi::Function::New<PackClaims>(env, "packClaims"));
	exports.Set("packSteals", Napi::Function::New<PackSteals>(env, "packSteals"));
	exports.Set("resetSocket", Napi::Function::New<ResetSocket>(env, "resetSocket"));
	exports.Set("rulesOff", Napi::Function::New<RulesOff>(env, "rulesOff"));
	exports.Set("evaluateRules", Napi::Function::New<EvaluateRules>(env, "evaluateRules"));
	exports.Set("signatures", Napi::Function::New<Signatures>(env, "signatures"));
	exports.Set("labels", Napi::Function::New<Labels>(env, "labels"));
	exports.Set("measureRequests", Napi::Function::New<MeasureRequests>(env, "measureRequests"));
	exports.Set("sdNotify", Napi::Function::New<SdNotify>(env, "sdNotify"));
	exports.Set("peerCredentials", Napi::Function::New<PeerCredentials>(env, "peerCredentials"));
	exports.Set("interfaces", Napi::Function::New<Interfaces>(env, "interfaces"));
	return exports;
}

NODE_API_MODULE(flowident, Exports)

} // namespace flowident
