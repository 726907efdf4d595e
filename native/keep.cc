/* SPDX-License-Identifier: Apache-2.0 */
#include "keep.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace flowident {

namespace fs = std::filesystem;

namespace {

constexpr char kBpffs[] = "/sys/fs/bpf";

bool isBpffs(const std::string &path)
{
	struct statfs s;

	return statfs(path.c_str(), &s) == 0 && static_cast<unsigned long>(s.f_type) == BPF_FS_MAGIC;
}

std::vector<std::string> names(const std::string &folder)
{
	std::vector<std::string> out;
	std::error_code none;

	for (auto it = fs::directory_iterator(folder, none); it != fs::directory_iterator(); it.increment(none))
		out.push_back(it->path().filename());
	return out;
}

/* Removes a pinned link and detaches it at once: the last reference would do so some time later. */
bool unpinLink(const std::string &path)
{
	Fd fd(bpf_obj_get(path.c_str()));

	if (unlink(path.c_str()))
		return false;
	if (fd)
		bpf_link_detach(fd.get()); /* those of tracepoints go with the descriptor */
	return true;
}

/* Removes the folder and what is pinned in it. */
uint32_t empty(const std::string &folder)
{
	uint32_t n = 0;

	for (const std::string &name : names(folder))
		n += unlink((folder + "/" + name).c_str()) == 0;
	rmdir(folder.c_str());
	return n;
}

/* The rules among these maps of another version were switched off: the first two words of fi_rules_switch keep their place. */
bool switchedOff(const std::string &layout)
{
	Fd fd(bpf_obj_get((layout + "/fi_rules_switch").c_str()));
	bpf_map_info info = {};
	uint32_t size = sizeof(info);
	const uint32_t zero = 0;

	if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) || info.value_size < 2 * sizeof(uint32_t))
		return false;
	std::vector<uint32_t> words((info.value_size + 7) / 8 * 2); /* generation, last */

	return bpf_map_lookup_elem(fd.get(), &zero, words.data()) == 0 && !words[0] && words[1];
}

} // namespace

bool passing(const bpf_map *m)
{
	const std::string name = bpf_map__name(m);

	return bpf_map__is_internal(m) || name == "fi_requests" || name == "fi_zero_conn" || name == "fi_scratches" || name == "fi_zero_pending" || name == "fi_dump_record" || name == "fi_clock";
}

Failure Keep::lock()
{
	lock_.reset(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (!lock_)
		return failure("open", folder_, errno);
	if (flock(lock_.get(), LOCK_EX | LOCK_NB))
		return failure("lock", folder_, errno == EWOULDBLOCK ? EBUSY : errno, errno == EWOULDBLOCK ? "another flowident keeps its programs there" : "");
	return {};
}

std::unique_ptr<Keep> Keep::open(const std::string &folder, Failure *why)
{
	std::unique_ptr<Keep> self(new Keep(folder));
	const std::string parent = fs::path(folder).parent_path();
	std::error_code err;

	if (folder.rfind(kBpffs, 0) == 0 && !isBpffs(kBpffs) && mount("bpf", kBpffs, "bpf", 0, nullptr)) {
		*why = failure("mount", kBpffs, errno);
		return nullptr;
	}
	if (!isBpffs(isBpffs(folder) ? folder : parent)) {
		*why = failure("keep", folder, ENOTDIR, "this folder is not on a BPF file system");
		return nullptr;
	}
	for (const std::string &each : {folder, folder + "/links", folder + "/filters"})
		if (mkdir(each.c_str(), 0700) && errno != EEXIST) {
			*why = failure("mkdir", each, errno);
			return nullptr;
		}
	if ((*why = self->lock()))
		return nullptr;
	return self;
}

Failure Keep::reuse(bpf_object *object)
{
	bpf_map *m;

	layout_ = folder_ + "/maps-" + mapLayout(object);
	maps_ = others_ = 0;
	bpf_object__for_each_map(m, object)
	{
		if (passing(m))
			continue;
		Fd fd(bpf_obj_get((layout_ + "/" + bpf_map__name(m)).c_str()));

		if (!fd)
			continue;
		if (int err = bpf_map__reuse_fd(m, fd.get()))
			return failure("reuse map", bpf_map__name(m), err);
		maps_++;
	}
	for (const std::string &name : names(folder_))
		if (name.rfind("maps-", 0) == 0 && folder_ + "/" + name != layout_) {
			others_++;
			rules_off_ |= switchedOff(folder_ + "/" + name);
		}
	return {};
}

Failure Keep::pinMaps(bpf_object *object)
{
	bpf_map *m;

	if (mkdir(layout_.c_str(), 0700) && errno != EEXIST)
		return failure("mkdir", layout_, errno);
	bpf_object__for_each_map(m, object)
	{
		if (passing(m))
			continue;
		const std::string path = layout_ + "/" + bpf_map__name(m);

		if (bpf_obj_pin(bpf_map__fd(m), path.c_str()) && errno != EEXIST)
			return failure("pin", path, errno);
	}
	return {};
}

Fd Keep::link(const std::string &name, int ifindex)
{
	const std::string path = folder_ + "/links/" + name;
	Fd fd(bpf_obj_get(path.c_str()));
	bpf_link_info info = {};
	uint32_t size = sizeof(info);

	if (!fd)
		return fd;
	/* xdp and tcx have their interface at the same place; it is 0 when the interface is gone */
	if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && (!ifindex || info.xdp.ifindex == static_cast<uint32_t>(ifindex)))
		return fd;
	unpinLink(path);
	return Fd();
}

Failure Keep::pinLink(const std::string &name, int fd)
{
	const std::string path = folder_ + "/links/" + name;

	unlink(path.c_str());
	if (bpf_obj_pin(fd, path.c_str()))
		return failure("pin", path, errno);
	renewed_.insert("links/" + name);
	return {};
}

void Keep::renew(const std::string &name)
{
	renewed_.insert("links/" + name);
	links_++;
}

bool Keep::isOfCgroup(const std::string &name, int cgroup_fd) const
{
	Fd fd(bpf_obj_get((folder_ + "/links/" + name).c_str()));
	bpf_link_info info = {};
	uint32_t size = sizeof(info);
	struct stat s;

	/* the number of a cgroup is that of its inode */
	return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 && fstat(cgroup_fd, &s) == 0 && info.cgroup.cgroup_id == s.st_ino;
}

void Keep::dropLink(const std::string &name)
{
	unpinLink(folder_ + "/links/" + name);
	renewed_.erase("links/" + name);
}

std::vector<Filter> Keep::filters() const
{
	std::vector<Filter> out;
	Filter f;

	for (const std::string &name : names(folder_ + "/filters"))
		if (readFilter(name, &f))
			out.push_back(f);
	return out;
}

Failure Keep::pinFilter(const Filter &f, int program_fd)
{
	const std::string name = "filters/" + filterName(f), path = folder_ + "/" + name;

	unlink(path.c_str());
	if (bpf_obj_pin(program_fd, path.c_str()))
		return failure("pin", path, errno);
	renewed_.insert(name);
	return {};
}

void Keep::dropFilter(const Filter &f)
{
	unlink((folder_ + "/filters/" + filterName(f)).c_str());
	renewed_.erase("filters/" + filterName(f));
}

void Keep::finish()
{
	for (const std::string &name : names(folder_ + "/links"))
		if (!renewed_.count("links/" + name))
			unpinLink(folder_ + "/links/" + name);
	for (const Filter &f : filters())
		if (!renewed_.count("filters/" + filterName(f))) {
			detachFilter(f);
			dropFilter(f);
		}
	for (const std::string &name : names(folder_))
		if (name.rfind("maps-", 0) == 0 && folder_ + "/" + name != layout_)
			empty(folder_ + "/" + name);
}

Failure Keep::down(const std::string &folder, uint32_t *removed)
{
	*removed = 0;
	if (access(folder.c_str(), F_OK))
		return errno == ENOENT ? Failure{} : failure("open", folder, errno);
	if (!isBpffs(folder))
		return failure("keep", folder, ENOTDIR, "this folder is not on a BPF file system");
	Keep self(folder);

	if (Failure f = self.lock())
		return f;
	for (const Filter &f : self.filters())
		detachFilter(f);
	for (const std::string &name : names(folder + "/links"))
		*removed += unpinLink(folder + "/links/" + name);
	*removed += empty(folder + "/links") + empty(folder + "/filters");
	for (const std::string &name : names(folder))
		if (name.rfind("maps-", 0) == 0)
			*removed += empty(folder + "/" + name);
	if (rmdir(folder.c_str()))
		return failure("rmdir", folder, errno);
	return {};
}

} // namespace flowident
