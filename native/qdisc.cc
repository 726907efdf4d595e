/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf creates a clsact qdisc but cannot tell whether others use it; deleting it would delete their filters. */
#include "qdisc.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "error.h"

namespace flowident {

namespace {

/* Calls `take` for each filter of one direction; negative errno when the kernel did not say. */
int eachFilter(int fd, int ifindex, unsigned parent, const std::function<void(const nlmsghdr *)> &take)
{
	struct {
		nlmsghdr head;
		tcmsg tc;
	} request = {};
	alignas(nlmsghdr) char answer[16384];

	request.head.nlmsg_len = sizeof(request);
	request.head.nlmsg_type = RTM_GETTFILTER;
	request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.head.nlmsg_seq = parent;
	request.tc.tcm_family = AF_UNSPEC;
	request.tc.tcm_ifindex = ifindex;
	request.tc.tcm_parent = parent;
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	for (;;) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);

		if (got < 0)
			return -errno;
		unsigned left = static_cast<unsigned>(got);

		for (auto *h = reinterpret_cast<nlmsghdr *>(answer); NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return static_cast<nlmsgerr *>(NLMSG_DATA(h))->error;
			if (h->nlmsg_type == RTM_NEWTFILTER)
				take(h);
		}
	}
}

Fd openRoute()
{
	Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	timeval patience = {1, 0}; /* the kernel answers at once; a lost answer must not hang the detaching */

	if (fd && setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		fd.reset(-1);
	return fd;
}

constexpr unsigned kParents[] = {TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)};

/* Number of the BPF program of a filter; 0: it is of another kind, or the head of a chain. */
uint32_t programOf(const nlmsghdr *h)
{
	auto *tc = static_cast<tcmsg *>(NLMSG_DATA(h));
	unsigned left = TCA_PAYLOAD(h);
	bool bpf = false;
	uint32_t id = 0;

	if (!tc->tcm_handle)
		return 0;
	for (rtattr *a = TCA_RTA(tc); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == TCA_KIND)
			bpf = strncmp(static_cast<char *>(RTA_DATA(a)), "bpf", RTA_PAYLOAD(a)) == 0;
		if ((a->rta_type & NLA_TYPE_MASK) != TCA_OPTIONS)
			continue;
		unsigned in = RTA_PAYLOAD(a);

		for (auto *o = static_cast<rtattr *>(RTA_DATA(a)); RTA_OK(o, in); o = RTA_NEXT(o, in))
			if (o->rta_type == TCA_BPF_ID && RTA_PAYLOAD(o) >= sizeof(id))
				memcpy(&id, RTA_DATA(o), sizeof(id));
	}
	return bpf ? id : 0;
}

} // namespace

int clsactFilters(int ifindex)
{
	Fd fd = openRoute();
	int n = 0, err = fd ? 0 : -errno;

	for (unsigned parent : kParents)
		if (!err)
			err = eachFilter(fd.get(), ifindex, parent, [&](const nlmsghdr *) { n++; });
	return err ? err : n;
}

int ownFilters(int ifindex, std::vector<OwnFilter> *out)
{
	Fd fd = openRoute();
	int err = fd ? 0 : -errno;

	for (unsigned parent : kParents) {
		if (err)
			return err;
		err = eachFilter(fd.get(), ifindex, parent, [&](const nlmsghdr *h) {
			auto *tc = static_cast<const tcmsg *>(NLMSG_DATA(h));
			OwnFilter f{.program_id = programOf(h)};
			bpf_prog_info info = {};
			uint32_t size = sizeof(info);
			Fd program(f.program_id ? bpf_prog_get_fd_by_id(f.program_id) : -1);

			if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &size) || strncmp(info.name, "fi_tc_", 6))
				return;
			f.filter.program = info.name;
			f.filter.ifindex = ifindex;
			f.filter.egress = parent == kParents[1];
			f.filter.made_qdisc = true;
			f.filter.handle = tc->tcm_handle;
			f.filter.priority = TC_H_MAJ(tc->tcm_info) >> 16;
			out->push_back(f);
		});
	}
	return err;
}

void removeClsact(int ifindex)
{
	LogCapture quiet;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));

	if (clsactFilters(ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
}

} // namespace flowident
