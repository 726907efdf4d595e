/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf creates a clsact qdisc but cannot tell whether others use it; deleting it would delete their filters. */
#include "qdisc.h"

#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

#include "error.h"
#include "handles.h"

namespace flowident {

namespace {

int countFilters(int fd, int ifindex, unsigned parent)
{
	struct {
		nlmsghdr head;
		tcmsg tc;
	} request = {};
	alignas(nlmsghdr) char answer[16384];
	int n = 0;

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
				return n;
			if (h->nlmsg_type == NLMSG_ERROR)
				return static_cast<nlmsgerr *>(NLMSG_DATA(h))->error;
			n += h->nlmsg_type == RTM_NEWTFILTER;
		}
	}
}

} // namespace

int clsactFilters(int ifindex)
{
	Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
	timeval patience = {1, 0}; /* the kernel answers at once; a lost answer must not hang the detaching */

	if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -errno;
	int in = countFilters(fd.get(), ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
	int out = in < 0 ? in : countFilters(fd.get(), ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));

	return out < 0 ? out : in + out;
}

void removeClsact(int ifindex)
{
	LogCapture quiet;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));

	if (clsactFilters(ifindex) == 0)
		bpf_tc_hook_destroy(&hook);
}

} // namespace flowident
