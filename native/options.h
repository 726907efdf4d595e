/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments from JavaScript, checked. Each returns false with a TypeError pending. */
#ifndef FI_NATIVE_OPTIONS_H
#define FI_NATIVE_OPTIONS_H

#include <napi.h>

#include "attach.h"
#include "object.h"

namespace flowident {

bool readLoadOptions(Napi::Env env, Napi::Value from, LoadOptions *to);
bool readInterfaceOptions(Napi::Env env, Napi::Value from, InterfaceOptions *to);
bool readIfindex(Napi::Env env, Napi::Value from, int least, int *to);

/* interfaceState(ifindex) */
Napi::Value interfaceState(const Napi::CallbackInfo &info, Attacher &attacher);
/* testRun(program, data, options) */
Napi::Value testRun(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);

} // namespace flowident

#endif
