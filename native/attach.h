/* SPDX-License-Identifier: Apache-2.0 */
/* Attaches programs and remembers what was attached, so that it can be detached again. Never replaces and never
 * removes what is not ours. Used from worker threads: one mutex around everything. */
#ifndef FI_NATIVE_ATTACH_H
#define FI_NATIVE_ATTACH_H

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "error.h"
#include "handles.h"
#include "object.h"

namespace flowident {

struct Attachment {
	std::string program;
	std::string target;
	int ifindex = 0;
	std::string mode;
	bool ok = false;
	std::string error;
};

struct InterfaceOptions {
	std::string xdp = "auto"; /* native, generic, off */
	std::string egress = "auto"; /* tcx, clsact, off */
};

struct InterfaceState {
	bool alive = true; /* all that was attached is still there */
	bool xdp_free = false; /* no program holds the XDP slot */
};

class Attacher {
public:
	explicit Attacher(std::shared_ptr<Object> object) : object_(std::move(object)) {}
	~Attacher() { close(); }
	Attacher(const Attacher &) = delete;
	Attacher &operator=(const Attacher &) = delete;

	/* false: closed meanwhile */
	bool host(const std::string &cgroup, std::vector<Attachment> *out);
	bool interface(int ifindex, const InterfaceOptions &options, std::vector<Attachment> *out);
	bool filter(int ifindex, std::vector<Attachment> *out);
	void detach(int ifindex);
	InterfaceState state(int ifindex);
	/* Everything that is wanted is attached: what earlier processes kept besides goes. */
	void settle();
	/* Detaches everything but what is kept. */
	void close();

private:
	/* One attachment's owner: a link, a classifier on clsact, or a packet socket. */
	struct Held {
		int ifindex = 0; /* 0: the host's */
		bool filter = false;
		LinkPtr link;
		Fd fd; /* raw bpf_link or packet socket */
		bool classifier = false; /* `tc` says which */
		Filter tc;
		std::string kept; /* name of its pin; empty: not pinned */
	};

	Attachment attachCgroup(bpf_program *p, int cgroup_fd, const std::string &path);
	Attachment attachTracing(bpf_program *p);
	Attachment runIterator(bpf_program *p);
	bool tryXdp(int ifindex, const char *mode, Attachment *a);
	bool tryTcx(bpf_program *p, int ifindex, bool egress, Attachment *a);
	bool tryClsact(bpf_program *p, int ifindex, bool egress, Attachment *a);
	Attachment xdp(int ifindex, const std::string &want);
	Attachment tc(const char *program, int ifindex, bool egress, const std::string &want);
	static void release(Held &h);
	void forget(const Held &h);
	Fd takeOver(const std::string &name, int ifindex, bpf_program *p);
	void keepLink(Held *h, const std::string &name);

	std::shared_ptr<Object> object_;
	std::mutex mutex_;
	bool closed_ = false;
	std::vector<Held> held_; /* in the order of attaching; released backwards */
};

/* Runs an iterator program to its end and appends what it wrote. 0 or -errno. */
int drainIterator(bpf_link *link, std::vector<uint8_t> *out);

} // namespace flowident

#endif
