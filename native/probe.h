/* SPDX-License-Identifier: Apache-2.0 */
/* What this kernel lets this process do, found out by doing it. Any thread. */
#ifndef FI_NATIVE_PROBE_H
#define FI_NATIVE_PROBE_H

#include <string>
#include <vector>

namespace flowident {

struct ProbeResult {
	std::string feature;
	bool ok = false;
	int err = 0;
	std::string detail;
};

std::vector<ProbeResult> probe();

} // namespace flowident

#endif
