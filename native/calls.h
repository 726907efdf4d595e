/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of addon.d.ts that need no loaded programs. */
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
/* takeDown of addon.d.ts. */
Napi::Value TakeDown(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
