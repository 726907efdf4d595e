/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FI_NATIVE_KERNEL_H
#define FI_NATIVE_KERNEL_H

#include <napi.h>

namespace flowident {

/* openKernel(options): Promise<KernelHandle> of addon.d.ts. */
Napi::Value OpenKernel(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
