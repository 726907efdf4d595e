/* SPDX-License-Identifier: Apache-2.0 */
/* Results as JavaScript values. Only small, rare things become objects; flows never do. */
#ifndef FI_NATIVE_VALUES_H
#define FI_NATIVE_VALUES_H

#include <napi.h>

#include "attach.h"
#include "labels.h"
#include "maps.h"
#include "object.h"
#include "probe.h"

namespace flowident {

Napi::Object toValue(Napi::Env env, const std::vector<Attachment> &list);
Napi::Object toValue(Napi::Env env, const std::vector<Skipped> &list);
Napi::Object toValue(Napi::Env env, const std::vector<ProgramStats> &list);
Napi::Object toValue(Napi::Env env, const std::vector<MapStats> &list);
Napi::Object toValue(Napi::Env env, const std::vector<ProbeResult> &list);
Napi::Object toValue(Napi::Env env, const LabelLosses &losses);
Napi::Value toArrayBuffer(Napi::Env env, const Buffer &bytes);

} // namespace flowident

#endif
