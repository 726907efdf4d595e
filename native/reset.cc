/* SPDX-License-Identifier: Apache-2.0 */
#include "reset.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "core.h"
#include "handles.h"
#include "job.h"

namespace flowident {

namespace {

/* Asks the kernel to end one socket: 0 or -errno. */
int destroy(int fd, const fi_tuple &t, uint64_t cookie)
{
	struct {
		nlmsghdr head;
		inet_diag_req_v2 body;
	} request = {};
	alignas(nlmsghdr) char answer[4096];
	const size_t skip = t.net == 6 ? 0 : 12, size = 16 - skip;

	request.head.nlmsg_len = sizeof(request);
	request.head.nlmsg_type = SOCK_DESTROY;
	request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.body.sdiag_family = t.net == 6 ? AF_INET6 : AF_INET;
	request.body.sdiag_protocol = t.l4;
	request.body.idiag_states = ~0u;
	request.body.id.idiag_sport = t.port_be[0];
	request.body.id.idiag_dport = t.port_be[1];
	memcpy(request.body.id.idiag_src, t.addr[0] + skip, size);
	memcpy(request.body.id.idiag_dst, t.addr[1] + skip, size);
	request.body.id.idiag_cookie[0] = static_cast<uint32_t>(cookie);
	request.body.id.idiag_cookie[1] = static_cast<uint32_t>(cookie >> 32);
	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	const ssize_t got = recv(fd, answer, sizeof(answer), 0);

	if (got < 0)
		return -errno;
	auto *h = reinterpret_cast<nlmsghdr *>(answer);

	if (!NLMSG_OK(h, static_cast<unsigned>(got)) || h->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return static_cast<nlmsgerr *>(NLMSG_DATA(h))->error;
}

/* A socket of the namespace that the thread is in. */
Fd openDiag()
{
	Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	timeval patience = {1, 0}; /* the kernel answers at once */

	if (fd && setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		fd.reset(-1);
	return fd;
}

/* In another namespace: a thread of its own goes there and ends with the answer, so that no other is left in it. */
Failure reset(const fi_tuple &tuple, uint64_t cookie, const std::string &netns)
{
	Failure why;
	auto work = [&] {
		if (!netns.empty()) {
			Fd ns(open(netns.c_str(), O_RDONLY | O_CLOEXEC));

			if (!ns || setns(ns.get(), CLONE_NEWNET)) {
				why = failure("setns", netns, errno);
				return;
			}
		}
		Fd fd = openDiag();
		const int err = fd ? destroy(fd.get(), tuple, cookie) : -errno;

		if (err)
			why = failure("reset socket", netns, err);
	};

	if (netns.empty()) {
		work();
		return why;
	}
	try {
		std::thread(work).join();
	} catch (const std::system_error &e) {
		return failure("thread", netns, e.code().value());
	}
	return why;
}

} // namespace

Napi::Value ResetSocket(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	bool whole = false;
	fi_tuple tuple;

	if (!info[0].IsTypedArray() || info[0].As<Napi::Uint8Array>().ByteLength() != sizeof(tuple) || !info[1].IsBigInt() || !info[2].IsString())
		return failArgument(env, "resetSocket: a struct fi_tuple, a cookie and a path are needed");
	memcpy(&tuple, info[0].As<Napi::Uint8Array>().Data(), sizeof(tuple));
	const uint64_t cookie = info[1].As<Napi::BigInt>().Uint64Value(&whole);

	return Job<bool>::run(
		env, "flowident:resetSocket",
		[tuple, cookie, netns = info[2].As<Napi::String>().Utf8Value()](bool *) { return reset(tuple, cookie, netns); },
		[](Napi::Env e, bool *) { return e.Undefined(); });
}

} // namespace flowident
