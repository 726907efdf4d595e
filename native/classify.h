/* SPDX-License-Identifier: Apache-2.0 */
/* The C core for JavaScript: signatures, labels, replay. Contract in addon.d.ts. */
#ifndef FI_NATIVE_CLASSIFY_H
#define FI_NATIVE_CLASSIFY_H

#include <napi.h>

namespace flowident {

Napi::Value Signatures(const Napi::CallbackInfo &info);
Napi::Value Labels(const Napi::CallbackInfo &info);
Napi::Value CreateReplay(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
