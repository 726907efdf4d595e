/* SPDX-License-Identifier: Apache-2.0 */
/* What became of an interface's attachments: others may take them away, and what was in the way may be gone. */
#include <bpf/bpf.h>

#include <algorithm>

#include "attach.h"
#include "qdisc.h"

namespace flowident {

namespace {

/* A link whose interface is gone knows no interface any more. xdp and tcx have it in the same place; headers before Linux 6.6 know
 * the first only. */
bool linkAlive(int fd)
{
	bpf_link_info info = {};
	uint32_t size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) == 0 && info.xdp.ifindex != 0;
}

bool filterAlive(const Filter &want)
{
	std::vector<OwnFilter> found;

	if (ownFilters(want.ifindex, &found))
		return false;
	return std::any_of(found.begin(), found.end(), [&](const OwnFilter &f) {
		return f.filter.egress == want.egress && f.filter.handle == want.handle && f.filter.priority == want.priority;
	});
}

} // namespace

InterfaceState Attacher::state(int ifindex)
{
	std::lock_guard<std::mutex> lock(mutex_);
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	LogCapture quiet;
	InterfaceState s;

	for (const Held &h : held_) {
		if (h.ifindex != ifindex || h.filter)
			continue;
		s.alive &= h.classifier ? filterAlive(h.tc) : linkAlive(h.link ? bpf_link__fd(h.link.get()) : h.fd.get());
	}
	s.xdp_free = bpf_xdp_query(ifindex, 0, &q) == 0 && !q.prog_id && !q.drv_prog_id && !q.skb_prog_id && !q.hw_prog_id;
	return s;
}

} // namespace flowident
