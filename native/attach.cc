/* SPDX-License-Identifier: Apache-2.0 */
#include "attach.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "qdisc.h"

namespace flowident {

namespace {

bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

std::string why(int err, const LogCapture &log)
{
	std::string line = lastUsefulLine(log.text()), text = errnoName(err) + ": " + strerror(err < 0 ? -err : err);

	return line.empty() ? text : text + " (" + line + ")";
}

/* Iterators that run once, when the host is attached: they find what was there before. The others are dumps. */
bool startUpIterator(const char *section)
{
	return starts(section, "iter/task_file") || starts(section, "iter/task");
}

} // namespace

int drainIterator(bpf_link *link, std::vector<uint8_t> *out)
{
	Fd fd(bpf_iter_create(bpf_link__fd(link)));
	uint8_t chunk[65536];

	if (!fd)
		return -errno;
	for (;;) {
		ssize_t n = read(fd.get(), chunk, sizeof(chunk));

		if (n == 0)
			return 0;
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) /* EAGAIN: a lot of entries without output */
			continue;
		if (n < 0)
			return -errno;
		if (out)
			out->insert(out->end(), chunk, chunk + n);
	}
}

Attachment Attacher::attachCgroup(bpf_program *p, int cgroup_fd, const std::string &path)
{
	Attachment a{.program = bpf_program__name(p), .target = path, .mode = "cgroup"};
	LogCapture log;
	/* A link shares the cgroup with other programs (BPF_F_ALLOW_MULTI) and goes with its last descriptor. */
	LinkPtr link(bpf_program__attach_cgroup(p, cgroup_fd));

	if (!link) {
		a.error = why(errno, log);
		return a;
	}
	a.ok = true;
	Held h;

	h.link = std::move(link);
	held_.push_back(std::move(h));
	return a;
}

Attachment Attacher::attachTracing(bpf_program *p)
{
	const char *section = bpf_program__section_name(p);
	Attachment a{.program = bpf_program__name(p), .target = strchr(section, '/') ? strchr(section, '/') + 1 : section, .mode = "tracepoint"};
	LogCapture log;
	LinkPtr link(bpf_program__attach(p));

	if (!link) {
		a.error = why(errno, log);
		return a;
	}
	a.ok = true;
	Held h;

	h.link = std::move(link);
	held_.push_back(std::move(h));
	return a;
}

Attachment Attacher::runIterator(bpf_program *p)
{
	const char *section = bpf_program__section_name(p);
	Attachment a{.program = bpf_program__name(p), .target = section + strlen("iter/"), .mode = "iter"};
	LogCapture log;
	LinkPtr link(bpf_program__attach_iter(p, nullptr));
	int err = link ? drainIterator(link.get(), nullptr) : -errno;

	a.ok = err == 0;
	if (err)
		a.error = why(err, log);
	return a;
}

bool Attacher::host(const std::string &cgroup, std::vector<Attachment> *out)
{
	std::lock_guard<std::mutex> lock(mutex_);

	if (closed_)
		return false;
	Fd cgroup_fd;
	std::string cgroup_error = "no cgroup v2 mount";

	if (!cgroup.empty()) {
		cgroup_fd.reset(open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		if (!cgroup_fd)
			cgroup_error = errnoName(errno) + ": " + strerror(errno);
	}
	/* Owners first, then what finds the sockets that are open already, then packets: the first packet of a socket shall
	 * find its owner. */
	for (int turn = 0; turn < 4; turn++) {
		bpf_program *p;

		bpf_object__for_each_program(p, object_->get())
		{
			const char *section = bpf_program__section_name(p);
			bool packets = starts(section, "cgroup_skb/"), cgroups = packets || starts(section, "cgroup/");

			if (bpf_program__fd(p) < 0)
				continue;
			if (turn == 0 && starts(section, "tp_btf/"))
				out->push_back(attachTracing(p));
			else if (turn == 2 && starts(section, "iter/") && startUpIterator(section))
				out->push_back(runIterator(p));
			else if (cgroups && turn == (packets ? 3 : 1))
				out->push_back(cgroup_fd ? attachCgroup(p, cgroup_fd.get(), cgroup)
							 : Attachment{.program = bpf_program__name(p), .target = cgroup, .mode = "cgroup", .error = cgroup_error});
		}
	}
	return true;
}

void Attacher::release(Held &h)
{
	if (h.tc_point) {
		LogCapture quiet;
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = h.ifindex, .attach_point = static_cast<bpf_tc_attach_point>(h.tc_point));
		LIBBPF_OPTS(bpf_tc_opts, opts, .handle = h.tc_handle, .priority = h.tc_priority);

		bpf_tc_detach(&hook, &opts); /* the interface may be gone: then so is the filter */
		if (h.made_qdisc)
			removeClsact(h.ifindex);
	}
	h.link.reset();
	h.fd.reset();
}

void Attacher::close()
{
	std::lock_guard<std::mutex> lock(mutex_);

	closed_ = true;
	while (!held_.empty()) {
		release(held_.back());
		held_.pop_back();
	}
}

void Attacher::detach(int ifindex)
{
	std::lock_guard<std::mutex> lock(mutex_);

	for (size_t i = held_.size(); i-- > 0;) {
		if ((held_[i].ifindex != ifindex || ifindex == 0) && !(held_[i].filter && held_[i].ifindex == ifindex))
			continue;
		release(held_[i]);
		held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
	}
}

} // namespace flowident
