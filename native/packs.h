/* SPDX-License-Identifier: Apache-2.0 */
/* Signature packs: tried in user space, put into the kernel. */
#ifndef FI_NATIVE_PACKS_H
#define FI_NATIVE_PACKS_H

#include <napi.h>

#include <vector>

#include "object.h"

namespace flowident {

/* Checks rules as src/packs/compile.ts writes them and makes a struct fi_packs of them; false: not well formed. */
bool readPacks(const Napi::Uint8Array &rules, std::vector<uint8_t> &out);

/* packClaims and packSteals of addon.d.ts. */
Napi::Value PackClaims(const Napi::CallbackInfo &info);
Napi::Value PackSteals(const Napi::CallbackInfo &info);
/* Two methods of KernelHandle. */
Napi::Value installPacks(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);
Napi::Value packNames(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);

} // namespace flowident

#endif
