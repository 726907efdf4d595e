/* SPDX-License-Identifier: Apache-2.0 */
/* Established connections of local sockets are reset as `ss --kill` does it: both ends are told. */
#ifndef FI_NATIVE_RESET_H
#define FI_NATIVE_RESET_H

#include <napi.h>

namespace flowident {

/* resetSocket(tuple: struct fi_tuple of the socket view, cookie: bigint, netns: path or ''): Promise<void>. Rejects with ENOENT when
 * there is no such socket (any more), EOPNOTSUPP when the kernel lacks CONFIG_INET_DIAG_DESTROY. */
Napi::Value ResetSocket(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
