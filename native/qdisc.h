/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FI_NATIVE_QDISC_H
#define FI_NATIVE_QDISC_H

namespace flowident {

/* Filters on the clsact qdisc of an interface, both directions; negative errno when it cannot be told. */
int clsactFilters(int ifindex);
/* Removes the clsact qdisc unless somebody else's filters are on it. */
void removeClsact(int ifindex);

} // namespace flowident

#endif
