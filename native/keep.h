/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives the process, pinned in a folder of a BPF file system:
 *
 *   maps-LAYOUT/NAME        every map that holds something worth keeping; LAYOUT: what they mean to a program, as a hash
 *   links/PROGRAM[@IFINDEX@NETNS] attachments; a program of another build can take their place without a packet in between
 *   filters/...             classifiers on clsact, for kernels without TCX: see Filter
 *
 * The next process finds its maps in maps-LAYOUT, loads its own programs over them and puts those into the links that are
 * there. One process at a time: the folder is locked. */
#ifndef FI_NATIVE_KEEP_H
#define FI_NATIVE_KEEP_H

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "error.h"
#include "handles.h"

namespace flowident {

/* A classifier on clsact; its name in filters/ has all of this, and what is pinned there is its program. */
struct Filter {
	std::string program;
	int ifindex = 0;
	bool egress = false, made_qdisc = false;
	uint32_t handle = 0, priority = 0;
};

class Keep {
public:
	/* Makes the folder, and mounts a BPF file system at /sys/fs/bpf when the folder is below and nothing is there. nullptr:
	 * *why says so; EBUSY: another process has it. */
	static std::unique_ptr<Keep> open(const std::string &folder, Failure *why);

	/* Before the load: maps of the same layout take the place of new ones. Counts them in adopted(). */
	Failure reuse(bpf_object *object);
	/* After the load: pins what was not there. */
	Failure pinMaps(bpf_object *object);

	/* The pinned link of this name, checked to attach to that interface (0: not compared); empty: none. A link whose interface
	 * is gone is removed. */
	Fd link(const std::string &name, int ifindex);
	/* Pins it in place of one of that name. */
	Failure pinLink(const std::string &name, int fd);
	void dropLink(const std::string &name);
	/* This process has taken it over. */
	void renew(const std::string &name);
	/* The pinned link of this name is one of that cgroup. */
	bool isOfCgroup(const std::string &name, int cgroup_fd) const;

	std::vector<Filter> filters() const;
	Failure pinFilter(const Filter &f, int program_fd);
	void dropFilter(const Filter &f);

	/* Removes what earlier processes left and this one did not take over: maps of other layouts, links and filters. Call it
	 * when everything is attached. */
	void finish();

	const std::string &folder() const { return folder_; }
	uint32_t adoptedMaps() const { return maps_; }
	uint32_t adoptedLinks() const { return links_; }
	/* Layouts of other versions that were found, and whether the rules of one were switched off. */
	uint32_t otherLayouts() const { return others_; }
	bool rulesOff() const { return rules_off_; }

	/* Removes everything: detaches. Returns how many objects; EBUSY: a process has it. */
	static Failure down(const std::string &folder, uint32_t *removed);

private:
	explicit Keep(std::string folder) : folder_(std::move(folder)) {}
	Failure lock();

	std::string folder_, layout_;
	Fd lock_;
	std::set<std::string> renewed_; /* links and filters of this process */
	uint32_t maps_ = 0, links_ = 0, others_ = 0;
	bool rules_off_ = false;
};

/* Maps that are worth nothing to the next process: constants, working memory, answers of iterators. */
bool passing(const bpf_map *m);
/* What the maps of an object mean to its programs: names, kinds, sizes and the members of their values. */
std::string mapLayout(bpf_object *object);
/* The name under which it is pinned, and back. */
std::string filterName(const Filter &f);
bool readFilter(const std::string &name, Filter *f);
/* Detaches a classifier; the qdisc goes with it when flowident made it and nobody else uses it. */
void detachFilter(const Filter &f);

} // namespace flowident

#endif
