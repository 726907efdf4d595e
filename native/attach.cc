/* SPDX-License-Identifier: Apache-2.0 */
#include "attach.h"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

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

/* The link that an earlier process kept, with this program in place of its own; empty: there is none, or it cannot be. */
Fd Attacher::takeOver(const std::string &name, int ifindex, bpf_program *p)
{
	Keep *keep = object_->keep();
	Fd fd = keep ? keep->link(name, ifindex) : Fd();

	if (!fd)
		return fd;
	if (bpf_link_update(fd.get(), bpf_program__fd(p), nullptr)) {
		keep->dropLink(name);
		return Fd();
	}
	keep->renew(name);
	return fd;
}

/* A pin that fails leaves an attachment that ends with this process, as without keeping. */
void Attacher::keepLink(Held *h, const std::string &name)
{
	Keep *keep = object_->keep();

	if (keep && !keep->pinLink(name, h->link ? bpf_link__fd(h->link.get()) : h->fd.get()))
		h->kept = name;
}

Attachment Attacher::attachCgroup(bpf_program *p, int cgroup_fd, const std::string &path)
{
	Attachment a{.program = bpf_program__name(p), .target = path, .mode = "cgroup"};
	LogCapture log;
	Held h;

	if (object_->keep() && !object_->keep()->isOfCgroup(a.program, cgroup_fd))
		object_->keep()->dropLink(a.program);
	h.fd = takeOver(a.program, 0, p);
	if (h.fd) {
		a.ok = true;
		h.kept = a.program;
		held_.push_back(std::move(h));
		return a;
	}
	/* A link shares the cgroup with other programs (BPF_F_ALLOW_MULTI) and goes with its last descriptor. */
	LinkPtr link(bpf_program__attach_cgroup(p, cgroup_fd));

	if (!link) {
		a.error = why(errno, log);
		return a;
	}
	a.ok = true;
	h.link = std::move(link);
	keepLink(&h, a.program);
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

	/* such a link takes no other program: the kept one goes when this one is there */
	h.link = std::move(link);
	keepLink(&h, a.program);
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
	if (h.classifier)
		detachFilter(h.tc);
	h.link.reset();
	h.fd.reset();
}

void Attacher::forget(const Held &h)
{
	if (h.kept.empty())
		return;
	if (h.classifier)
		object_->keep()->dropFilter(h.tc);
	else
		object_->keep()->dropLink(h.kept);
}

void Attacher::close()
{
	std::lock_guard<std::mutex> lock(mutex_);

	closed_ = true;
	while (!held_.empty()) {
		Held &h = held_.back();

		if (!h.kept.empty())
			h.classifier = false; /* stays where it is */
		release(h);
		held_.pop_back();
	}
}

void Attacher::settle()
{
	std::lock_guard<std::mutex> lock(mutex_);

	if (!closed_ && object_->keep())
		object_->keep()->finish();
}

void Attacher::detach(int ifindex)
{
	std::lock_guard<std::mutex> lock(mutex_);

	for (size_t i = held_.size(); i-- > 0;) {
		if ((held_[i].ifindex != ifindex || ifindex == 0) && !(held_[i].filter && held_[i].ifindex == ifindex))
			continue;
		forget(held_[i]);
		release(held_[i]);
		held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(i));
	}
}

} // namespace flowident
