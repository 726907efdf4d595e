/* SPDX-License-Identifier: Apache-2.0 */
/* Classifiers on clsact that are kept: no links, so what is needed to detach one is in the name it is pinned under. */
#include <bpf/libbpf.h>

#include <cstdio>

#include "keep.h"
#include "qdisc.h"

namespace flowident {

std::string filterName(const Filter &f)
{
	return f.program + "@" + std::to_string(f.ifindex) + "@" + (f.egress ? "e" : "i") + (f.made_qdisc ? "q" : "-") + "@" + std::to_string(f.handle) +
	       "@" + std::to_string(f.priority);
}

bool readFilter(const std::string &name, Filter *f)
{
	char program[64], way = 0, made = 0;

	if (sscanf(name.c_str(), "%63[^@]@%d@%c%c@%u@%u", program, &f->ifindex, &way, &made, &f->handle, &f->priority) != 6)
		return false;
	f->program = program;
	f->egress = way == 'e';
	f->made_qdisc = made == 'q';
	return true;
}

void detachFilter(const Filter &f)
{
	LogCapture quiet;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = f.ifindex, .attach_point = f.egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = f.handle, .priority = f.priority);

	bpf_tc_detach(&hook, &opts); /* the interface may be gone: then so is the filter */
	if (f.made_qdisc)
		removeClsact(f.ifindex);
}

} // namespace flowident
