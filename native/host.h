/* SPDX-License-Identifier: Apache-2.0 */
/* Small services of the host that node does not offer. */
#ifndef FI_NATIVE_HOST_H
#define FI_NATIVE_HOST_H

#include <napi.h>

namespace flowident {

/* sdNotify(state): boolean. The service manager's protocol over $NOTIFY_SOCKET; false when it is not set. */
Napi::Value SdNotify(const Napi::CallbackInfo &info);
/* peerCredentials(fd): { pid, uid, gid } of the other end of a unix socket. */
Napi::Value PeerCredentials(const Napi::CallbackInfo &info);
/* interfaces(): { name, index, flags }[] of the network namespace that this process is in. /sys/class/net may show another
 * one's (nsenter). */
Napi::Value Interfaces(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
