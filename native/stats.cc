/* SPDX-License-Identifier: Apache-2.0 */
/* What programs and maps cost: from the kernel's own accounts. */
#include <bpf/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>

#include "maps.h"

namespace flowident {

namespace {

/* "memlock:" of a BPF descriptor. 0 when it cannot be read. */
uint64_t memlock(int fd)
{
	char path[64], line[128];
	uint64_t bytes = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	FILE *f = fopen(path, "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "memlock: %" SCNu64, &bytes) == 1)
			break;
	fclose(f);
	return bytes;
}

/* Bytes that the kernel has written and nobody has read yet. */
uint64_t ringFill(int fd)
{
	const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
	void *consumer = mmap(nullptr, page, PROT_READ, MAP_SHARED, fd, 0);
	void *producer = mmap(nullptr, page, PROT_READ, MAP_SHARED, fd, static_cast<off_t>(page));
	uint64_t fill = 0;

	if (consumer != MAP_FAILED && producer != MAP_FAILED)
		fill = __atomic_load_n(static_cast<uint64_t *>(producer), __ATOMIC_ACQUIRE) - __atomic_load_n(static_cast<uint64_t *>(consumer), __ATOMIC_ACQUIRE);
	if (consumer != MAP_FAILED)
		munmap(consumer, page);
	if (producer != MAP_FAILED)
		munmap(producer, page);
	return fill;
}

/* Entries of a hash map, counted by reading them: the kernel has no count. */
uint64_t hashFill(bpf_map *map)
{
	Buffer keys, values;
	uint64_t count = 0;

	return readHash(map, &keys, &values, &count) ? 0 : count;
}

} // namespace

Failure mapStats(const Object &object, std::vector<MapStats> *out)
{
	bpf_map *map;

	bpf_object__for_each_map(map, object.get())
	{
		MapStats s;

		if (bpf_map__is_internal(map) || bpf_map__fd(map) < 0)
			continue;
		s.name = bpf_map__name(map);
		s.capacity = bpf_map__max_entries(map);
		s.bytes = memlock(bpf_map__fd(map));
		switch (bpf_map__type(map)) {
		case BPF_MAP_TYPE_RINGBUF:
			s.entries = ringFill(bpf_map__fd(map));
			break;
		case BPF_MAP_TYPE_HASH:
		case BPF_MAP_TYPE_LRU_HASH:
			s.entries = hashFill(map);
			break;
		case BPF_MAP_TYPE_SK_STORAGE: /* bounded by the sockets, not by the map; the dump of flows counts them */
			break;
		default:
			s.entries = s.capacity;
		}
		uint32_t zero = 0, taken = 0;
		bpf_map *next = s.name == "fi_agg" ? object.map("fi_agg_next") : nullptr;

		if (next && bpf_map_lookup_elem(bpf_map__fd(next), &zero, &taken) == 0)
			s.entries = std::min<uint64_t>(taken + 1ull, s.capacity); /* slots given out, and slot 0 */
		out->push_back(std::move(s));
	}
	return {};
}

Failure programStats(const Object &object, std::vector<ProgramStats> *out)
{
	bpf_program *p;

	bpf_object__for_each_program(p, object.get())
	{
		bpf_prog_info info = {};
		uint32_t size = sizeof(info);
		ProgramStats s;

		if (bpf_program__fd(p) < 0)
			continue;
		s.name = bpf_program__name(p);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &size))
			return failure("program info", s.name, errno);
		const char *type = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(info.type));

		s.type = type ? type : std::to_string(info.type);
		s.run_count = info.run_cnt;
		s.run_ns = info.run_time_ns;
		s.insns = info.xlated_prog_len / 8;
		s.verified_insns = info.verified_insns;
		s.memlock = memlock(bpf_program__fd(p));
		out->push_back(std::move(s));
	}
	return {};
}

} // namespace flowident
