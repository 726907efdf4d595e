/* SPDX-License-Identifier: Apache-2.0 */
/* Small calls of addon.d.ts; but for setBudget they need no loaded programs. */
#ifndef FI_NATIVE_CALLS_H
#define FI_NATIVE_CALLS_H

#include <napi.h>

#include "object.h"

namespace flowident {

/* KernelHandle.kept of addon.d.ts. */
Napi::Value keptValue(Napi::Env env, const Object &object);
/* probe(): Promise<ProbeResult[]>. */
Napi::Value RunProbe(const Napi::CallbackInfo &info);
/* clsactFilters and removeFilter of addon.d.ts. */
Napi::Value ListFilters(const Napi::CallbackInfo &info);
Napi::Value RemoveFilter(const Napi::CallbackInfo &info);
/* KernelHandle.setBudget of addon.d.ts. */
Napi::Value setBudget(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);
/* takeDown of addon.d.ts. */
Napi::Value TakeDown(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
