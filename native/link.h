/* SPDX-License-Identifier: Apache-2.0 */
/* Link types of capture files: where the first header that the parser knows begins. */
#ifndef FI_NATIVE_LINK_H
#define FI_NATIVE_LINK_H

#include "capture.h"
#include "core.h"

namespace flowident {

/* Sets off and next (enum fi_next or an EtherType). 0, or -FI_C_*; kLinkUnknown for a link type that is not read. */
constexpr int kLinkUnknown = -1000;
int linkHeader(const CapturePacket &p, uint32_t *off, uint32_t *next);

} // namespace flowident

#endif
