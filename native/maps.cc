/* SPDX-License-Identifier: Apache-2.0 */
#include "maps.h"

#include <bpf/bpf.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_map>

#include "attach.h"
#include "core.h"

namespace flowident {

namespace {

constexpr uint32_t kBatch = 4096;

/* Reads entry by entry: kernels and map types without batches. */
int readSlow(int fd, uint32_t key_size, uint32_t value_size, uint32_t capacity, Buffer *keys, Buffer *values, uint64_t *count)
{
	Buffer key(key_size), value(value_size);
	const void *previous = nullptr;
	uint64_t steps = 0;

	/* A key that is deleted meanwhile sends the walk back to its beginning: hence the limit. */
	while (bpf_map_get_next_key(fd, previous, key.data()) == 0 && steps++ < 2ull * capacity) {
		if (bpf_map_lookup_elem(fd, key.data(), value.data()) == 0) {
			keys->insert(keys->end(), key.begin(), key.end());
			values->insert(values->end(), value.begin(), value.end());
			++*count;
		}
		previous = key.data();
	}
	return errno == ENOENT || errno == 0 ? 0 : -errno;
}

size_t cpus()
{
	int n = libbpf_num_possible_cpus();

	return n > 0 ? static_cast<size_t>(n) : 1;
}

void appendFlows(const Buffer &keys, const Buffer &values, uint64_t count, Buffer *out)
{
	timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	size_t at = out->size();

	out->resize(at + count * sizeof(fi_record));
	for (uint64_t i = 0; i < count; i++) {
		fi_record r = {};

		memcpy(&r.flow, values.data() + i * sizeof(fi_flow), sizeof(fi_flow));
		if (r.flow.state == FI_S_ENDED) /* told already; the entry waits for its removal */
			continue;
		memcpy(&r.tuple, keys.data() + i * sizeof(fi_tuple), sizeof(fi_tuple));
		r.head.type = FI_R_FLOW;
		r.head.size = sizeof(r);
		r.head.now_ns = static_cast<uint64_t>(t.tv_sec) * 1000000000ull + static_cast<uint64_t>(t.tv_nsec);
		r.role = r.tuple.view != FI_VIEW_SOCKET ? FI_ROLE_NONE : r.flow.flags & FI_F_FLIP ? FI_ROLE_SERVER : FI_ROLE_CLIENT;
		memcpy(out->data() + at, &r, sizeof(r));
		at += sizeof(r);
	}
	out->resize(at);
}

} // namespace

Failure readHash(bpf_map *map, Buffer *keys, Buffer *values, uint64_t *count)
{
	int fd = bpf_map__fd(map);
	const uint32_t k = bpf_map__key_size(map), v = bpf_map__value_size(map), capacity = bpf_map__max_entries(map);
	Buffer cursor(std::max<size_t>(k, 8));
	uint32_t batch = std::min(kBatch, capacity);
	bool first = true;

	*count = 0;
	for (uint64_t room = 0;;) {
		if (room < *count + batch) {
			room = *count + batch;
			keys->resize(room * k);
			values->resize(room * v);
		}
		uint32_t n = batch;
		int err = bpf_map_lookup_batch(fd, first ? nullptr : cursor.data(), cursor.data(), keys->data() + *count * k, values->data() + *count * v, &n, nullptr);

		if (err && errno == ENOSPC && batch < capacity) { /* one bucket holds more than that */
			batch = std::min(batch * 2, capacity);
			continue;
		}
		if (err && errno != ENOENT) {
			int why = errno;

			keys->clear();
			values->clear();
			*count = 0;
			if (first && (why == EINVAL || why == ENOTSUP || why == 524)) /* 524: the kernel's own ENOTSUPP */
				why = -readSlow(fd, k, v, capacity, keys, values, count);
			return why ? failure("read map", bpf_map__name(map), why) : Failure{};
		}
		*count += n;
		first = false;
		if (err)
			break;
		if (*count > 4ull * capacity) /* entries added as fast as we read: enough */
			break;
	}
	keys->resize(*count * k);
	values->resize(*count * v);
	return {};
}

Failure readSum(bpf_map *map, uint32_t key, uint64_t *sum, size_t words)
{
	std::vector<uint64_t> cells(cpus() * words);

	std::fill_n(sum, words, 0);
	if (bpf_map_lookup_elem(bpf_map__fd(map), &key, cells.data()))
		return failure("read map", bpf_map__name(map), errno);
	for (size_t i = 0; i < cells.size(); i++)
		sum[i % words] += cells[i];
	return {};
}

namespace {

/* Runs an iterator program over one map, if there is such a map. */
int runOverMap(bpf_program *program, bpf_map *map, Buffer *out)
{
	if (!map)
		return 0;
	LogCapture quiet;
	bpf_iter_link_info info = {};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	info.map.map_fd = static_cast<uint32_t>(bpf_map__fd(map));
	LinkPtr link(bpf_program__attach_iter(program, &opts));

	return link ? drainIterator(link.get(), out) : -errno;
}

} // namespace

Failure expireFlows(const Object &object)
{
	bpf_program *expire = object.program("fi_expire");

	if (!expire)
		return failure("expire", "fi_expire", ENOENT, "no such program is loaded");
	for (const char *name : {"fi_flows", "fi_new"}) {
		if (int err = runOverMap(expire, object.map(name), nullptr))
			return failure("expire", name, err);
	}
	return {};
}

Failure ruleSockets(const Object &object)
{
	bpf_program *rule = object.program("fi_rule_sockets");
	const int err = rule ? runOverMap(rule, object.map("fi_sockets"), nullptr) : -ENOENT;

	return err ? failure("iterate", "fi_sockets", err) : Failure{};
}

Failure dumpFlows(const Object &object, Buffer *out)
{
	bpf_program *dump = object.program("fi_dump_sockets");
	if (int err = dump ? runOverMap(dump, object.map("fi_sockets"), out) : 0)
		return failure("iterate", "fi_sockets", err);
	for (const char *name : {"fi_flows", "fi_new"}) {
		bpf_map *map = object.map(name);
		Buffer keys, values;
		uint64_t count = 0;

		if (!map)
			continue;
		if (Failure f = readHash(map, &keys, &values, &count))
			return f;
		appendFlows(keys, values, count, out);
	}
	return {};
}

Failure readAggregates(const Object &object, Buffer *out)
{
	bpf_map *keys_map = object.map("fi_agg_keys"), *map = object.map("fi_agg");
	constexpr size_t kWords = sizeof(fi_agg) / 8;
	const uint32_t capacity = map ? bpf_map__max_entries(map) : 0;
	Buffer keys, slots;
	uint64_t count = 0;

	if (!keys_map || !map)
		return failure("read map", "fi_agg", ENOENT);
	if (Failure f = readHash(keys_map, &keys, &slots, &count))
		return f;
	uint32_t highest = 0;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t slot;

		memcpy(&slot, slots.data() + i * 4, 4);
		highest = std::max(highest, slot);
	}
	highest = std::min(highest, capacity - 1);
	/* One batch over the slots in use; per-CPU arrays have batches since Linux 5.13. */
	std::vector<uint64_t> cells(static_cast<size_t>(highest + 1) * cpus() * kWords);
	std::vector<uint32_t> indexes(highest + 1);
	uint32_t n = highest + 1, cursor = 0;
	std::vector<fi_agg> sums(highest + 1);
	bool batched = bpf_map_lookup_batch(bpf_map__fd(map), nullptr, &cursor, indexes.data(), cells.data(), &n, nullptr) == 0 || errno == ENOENT;

	for (uint32_t slot = 0; slot <= highest; slot++) {
		uint64_t sum[kWords] = {};

		if (batched && n == highest + 1) {
			for (size_t i = 0; i < cpus() * kWords; i++)
				sum[i % kWords] += cells[slot * cpus() * kWords + i];
		} else if (Failure f = readSum(map, slot, sum, kWords)) {
			return f;
		}
		memcpy(&sums[slot], sum, sizeof(sum));
	}
	constexpr size_t kEntry = sizeof(fi_agg_key) + sizeof(fi_agg);

	out->assign((count + 1) * kEntry, 0);
	memcpy(out->data() + sizeof(fi_agg_key), &sums[0], sizeof(fi_agg));
	size_t at = kEntry;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t slot;

		memcpy(&slot, slots.data() + i * 4, 4);
		if (slot > highest)
			continue;
		memcpy(out->data() + at, keys.data() + i * sizeof(fi_agg_key), sizeof(fi_agg_key));
		memcpy(out->data() + at + sizeof(fi_agg_key), &sums[slot], sizeof(fi_agg));
		at += kEntry;
	}
	out->resize(at);
	return {};
}

Failure readConnections(const Object &object, Buffer *out)
{
	bpf_map *keys_map = object.map("fi_agg_keys"), *map = object.map("fi_conns");
	Buffer keys, slots, conn_slots, conns;
	uint64_t count = 0, conn_count = 0;

	if (!keys_map || !map)
		return failure("read map", "fi_conns", ENOENT);
	if (Failure f = readHash(map, &conn_slots, &conns, &conn_count))
		return f;
	if (Failure f = readHash(keys_map, &keys, &slots, &count)) /* after it: each slot that was read has its key here */
		return f;
	std::unordered_map<uint32_t, uint64_t> key_of;

	for (uint64_t i = 0; i < count; i++) {
		uint32_t slot;

		memcpy(&slot, slots.data() + i * 4, 4);
		key_of[slot] = i;
	}
	for (uint64_t i = 0; i < conn_count; i++) {
		uint32_t slot;

		memcpy(&slot, conn_slots.data() + i * 4, 4);
		auto found = key_of.find(slot);

		if (found == key_of.end()) /* slot 0: no aggregate was free, which is counted */
			continue;
		const uint8_t *key = keys.data() + found->second * sizeof(fi_agg_key), *conn = conns.data() + i * sizeof(fi_conn);

		out->insert(out->end(), key, key + sizeof(fi_agg_key));
		out->insert(out->end(), conn, conn + sizeof(fi_conn));
	}
	return {};
}

Failure readCounters(const Object &object, std::vector<uint64_t> *out)
{
	bpf_map *map = object.map("fi_counters");

	if (!map)
		return failure("read map", "fi_counters", ENOENT);
	out->resize(bpf_map__max_entries(map));
	for (uint32_t i = 0; i < out->size(); i++)
		if (Failure f = readSum(map, i, &(*out)[i], 1))
			return f;
	return {};
}

} // namespace flowident
