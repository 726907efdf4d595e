/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FI_NATIVE_QDISC_H
#define FI_NATIVE_QDISC_H

#include <vector>

#include "keep.h"

namespace flowident {

/* Filters on the clsact qdisc of an interface, both directions; negative errno when it cannot be told. */
int clsactFilters(int ifindex);
struct OwnFilter {
	Filter filter; /* as if flowident had made the qdisc: an empty one goes with it */
	uint32_t program_id = 0;
};

/* Filters of flowident on the clsact qdisc of an interface, of this process or of others; negative errno. */
int ownFilters(int ifindex, std::vector<OwnFilter> *out);
/* Removes the clsact qdisc unless somebody else's filters are on it. */
void removeClsact(int ifindex);

} // namespace flowident

#endif
