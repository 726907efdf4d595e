/* SPDX-License-Identifier: Apache-2.0 */
/* The wire side of attach.h: XDP, TCX, clsact, packet sockets. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "attach.h"

namespace flowident {

namespace {

/* Linux 6.6; Debian 12's headers are older. */
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);

std::string interfaceName(int ifindex)
{
	char name[IF_NAMESIZE] = "";

	return if_indextoname(static_cast<unsigned>(ifindex), name) ? name : "ifindex " + std::to_string(ifindex);
}

std::string why(int err, const LogCapture &log)
{
	std::string line = lastUsefulLine(log.text()), text = errnoName(err) + ": " + strerror(err < 0 ? -err : err);

	return line.empty() ? text : text + " (" + line + ")";
}

/* The program that has the interface's XDP slot, in words; empty when none has. */
std::string xdpHolder(int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	LogCapture quiet;

	if (bpf_xdp_query(ifindex, 0, &q) || !(q.prog_id || q.drv_prog_id || q.skb_prog_id || q.hw_prog_id))
		return "";
	uint32_t id = q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id ? q.skb_prog_id : q.hw_prog_id ? q.hw_prog_id : q.prog_id;
	Fd fd(bpf_prog_get_fd_by_id(id));
	bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	std::string name = "?";

	if (fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && info.name[0])
		name = info.name;
	return "program " + name + " (id " + std::to_string(id) + ", " + (q.drv_prog_id ? "native" : q.skb_prog_id ? "generic" : "offloaded") +
	       ") holds the XDP slot";
}

void note(std::string *all, const std::string &what, const std::string &text)
{
	*all += (all->empty() ? "" : "; ") + what + ": " + text;
}

/* Whether the interface's XDP program runs in this mode. */
bool runsAs(int ifindex, const char *mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	LogCapture quiet;

	return bpf_xdp_query(ifindex, 0, &q) == 0 && (strcmp(mode, "native") == 0 ? q.drv_prog_id : q.skb_prog_id) != 0;
}

/* An interface's number means something in its network namespace only. */
std::string pinName(const char *program, int ifindex)
{
	struct stat s = {};

	stat("/proc/self/ns/net", &s);
	return std::string(program) + "@" + std::to_string(ifindex) + "@" + std::to_string(s.st_ino);
}

} // namespace

bool Attacher::tryXdp(int ifindex, const char *mode, Attachment *a)
{
	bpf_program *p = object_->program("fi_xdp");
	const std::string name = pinName("fi_xdp", ifindex);
	LogCapture log;
	Held h;

	h.ifindex = ifindex;
	/* one in another mode that is wanted no more has gone before: see xdp() */
	if (runsAs(ifindex, mode) && (h.fd = takeOver(name, ifindex, p))) {
		a->mode = mode;
		a->ok = true;
		h.kept = name;
		held_.push_back(std::move(h));
		return true;
	}
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = static_cast<uint32_t>(strcmp(mode, "native") == 0 ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE));
	Fd fd(bpf_link_create(bpf_program__fd(p), ifindex, BPF_XDP, &opts));

	if (!fd) {
		int err = errno;
		std::string holder = xdpHolder(ifindex);

		note(&a->error, mode, holder.empty() ? why(err, log) : holder);
		return false;
	}
	a->mode = mode;
	a->ok = true;
	h.fd = std::move(fd);
	keepLink(&h, name);
	held_.push_back(std::move(h));
	return true;
}

bool Attacher::tryTcx(bpf_program *p, int ifindex, bool egress, Attachment *a)
{
	const std::string name = pinName(bpf_program__name(p), ifindex);
	LogCapture log;
	Held h;

	h.ifindex = ifindex;
	if ((h.fd = takeOver(name, ifindex, p)))
		h.kept = name;
	Fd fd(h.fd ? -1 : bpf_link_create(bpf_program__fd(p), ifindex, egress ? kTcxEgress : kTcxIngress, nullptr));

	if (!fd && !h.fd) {
		int err = errno;

		/* a kernel without TCX does not know the attach type */
		note(&a->error, "tcx", err == EINVAL ? "EINVAL: this kernel has no TCX (Linux 6.6)" : why(err, log));
		return false;
	}
	a->mode = "tcx";
	a->ok = true;
	if (fd) {
		h.fd = std::move(fd);
		keepLink(&h, name);
	}
	held_.push_back(std::move(h));
	return true;
}

bool Attacher::tryClsact(bpf_program *p, int ifindex, bool egress, Attachment *a)
{
	Keep *keep = object_->keep();
	LogCapture log;
	Held h;

	h.ifindex = ifindex;
	h.classifier = true;
	h.tc = {.program = bpf_program__name(p), .ifindex = ifindex, .egress = egress};
	for (const Filter &f : keep ? keep->filters() : std::vector<Filter>())
		if (f.program == h.tc.program && f.ifindex == ifindex)
			h.tc = f;
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	/* No handle and no priority: the kernel picks free ones, so nothing is replaced but what an earlier process kept. */
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(p), .flags = static_cast<uint32_t>(h.tc.handle ? BPF_TC_F_REPLACE : 0), .handle = h.tc.handle,
		    .priority = h.tc.priority);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST) {
		note(&a->error, "clsact", why(err, log));
		return false;
	}
	h.tc.made_qdisc |= err == 0;
	err = bpf_tc_attach(&hook, &opts);
	if (err) {
		note(&a->error, "clsact", why(err, log));
		return false;
	}
	h.tc.handle = opts.handle;
	h.tc.priority = opts.priority;
	a->mode = "clsact";
	a->ok = true;
	if (keep && !keep->pinFilter(h.tc, bpf_program__fd(p)))
		h.kept = h.tc.program;
	held_.push_back(std::move(h));
	return true;
}

Attachment Attacher::tc(const char *program, int ifindex, bool egress, const std::string &want)
{
	Attachment a{.program = program, .target = interfaceName(ifindex), .ifindex = ifindex, .mode = "none"};
	bpf_program *p = object_->program(program);

	if (!p) {
		a.error = "this kernel refused the program";
		return a;
	}
	if ((want == "auto" || want == "tcx") && tryTcx(p, ifindex, egress, &a))
		return a;
	if (want == "auto" || want == "clsact")
		tryClsact(p, ifindex, egress, &a);
	return a;
}

Attachment Attacher::xdp(int ifindex, const std::string &want)
{
	Attachment a{.program = "fi_xdp", .target = interfaceName(ifindex), .ifindex = ifindex, .mode = "none"};

	const bool native = want == "auto" || want == "native", generic = want == "auto" || want == "generic";

	/* a kept one in the mode that is not wanted: there cannot be both */
	if (Keep *keep = object_->keep(); keep && native != generic && !runsAs(ifindex, want.c_str()))
		keep->dropLink(pinName("fi_xdp", ifindex));
	if (!object_->program("fi_xdp"))
		a.error = "this kernel refused the program";
	else if ((native && tryXdp(ifindex, "native", &a)) || (generic && tryXdp(ifindex, "generic", &a)))
		return a;
	if (want != "auto")
		return a;
	/* The slot is somebody else's, or there is no XDP: the same view from behind it. */
	Attachment in = tc("fi_tc_ingress", ifindex, false, "auto");

	if (!in.ok)
		note(&a.error, "tc", in.error);
	else
		in.error = a.error;
	return in.ok ? in : a;
}

bool Attacher::interface(int ifindex, const InterfaceOptions &options, std::vector<Attachment> *out)
{
	std::lock_guard<std::mutex> lock(mutex_);

	if (closed_)
		return false;
	for (const Held &h : held_)
		if (h.ifindex == ifindex && !h.filter) {
			out->push_back({"fi_xdp", interfaceName(ifindex), ifindex, "none", false, "attached already"});
			return true;
		}
	if (options.xdp != "off")
		out->push_back(xdp(ifindex, options.xdp));
	if (options.egress != "off")
		out->push_back(tc("fi_tc_egress", ifindex, true, options.egress));
	return true;
}

bool Attacher::filter(int ifindex, std::vector<Attachment> *out)
{
	std::lock_guard<std::mutex> lock(mutex_);
	Attachment a{.program = "fi_filter", .target = ifindex ? interfaceName(ifindex) : "*", .ifindex = ifindex, .mode = "socket-filter"};
	bpf_program *p = object_->program("fi_filter");

	if (closed_)
		return false;
	auto failed = [&](const std::string &text) {
		a.error = text;
		out->push_back(a);
		return true;
	};

	if (!p)
		return failed("this kernel refused the program");
	/* Protocol 0 until the program is there: not a packet waits in the queue unseen by it. */
	Held h;

	h.fd.reset(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	if (!h.fd)
		return failed(errnoName(errno) + ": packet socket");
	int prog = bpf_program__fd(p);

	if (setsockopt(h.fd.get(), SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		return failed(errnoName(errno) + ": SO_ATTACH_BPF");
	sockaddr_ll where = {};

	where.sll_family = AF_PACKET;
	where.sll_protocol = htons(ETH_P_ALL);
	where.sll_ifindex = ifindex;
	if (bind(h.fd.get(), reinterpret_cast<sockaddr *>(&where), sizeof(where)))
		return failed(errnoName(errno) + ": bind");
	h.ifindex = ifindex;
	h.filter = true;
	a.ok = true;
	held_.push_back(std::move(h));
	out->push_back(a);
	return true;
}

} // namespace flowident
