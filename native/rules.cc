/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "handles.h"

namespace flowident {

namespace {

constexpr char kSwitch[] = "fi_rules_switch";

/* A map of the set that is being made. */
Failure make(const char *name, bpf_map_type type, uint32_t key, uint32_t value, uint32_t entries, uint32_t flags, Fd *out)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = flags);
	int fd = bpf_map_create(type, name, key, value, entries, &opts);

	if (fd < 0)
		return failure("create map", name, errno);
	out->reset(fd);
	return {};
}

/* All entries in as few calls as the kernel takes. */
Failure fill(const char *name, int fd, const uint8_t *keys, size_t key_size, const uint8_t *values, size_t value_size, uint32_t count)
{
	uint32_t done = 0;

	while (done < count) {
		uint32_t n = count - done;

		if (bpf_map_update_batch(fd, keys + done * key_size, values + done * value_size, &n, nullptr) == 0) {
			done += n;
			continue;
		}
		if (errno != EINVAL && errno != ENOTSUP && errno != 524) /* 524: the kernel's own ENOTSUPP */
			return failure("fill map", name, errno);
		for (; done < count; done++) /* a kernel or a kind of map without batches */
			if (bpf_map_update_elem(fd, keys + done * key_size, values + done * value_size, BPF_ANY))
				return failure("fill map", name, errno);
	}
	return {};
}

Failure fillArray(const char *name, int fd, const Buffer &values, size_t value_size)
{
	const auto n = static_cast<uint32_t>(values.size() / value_size);
	std::vector<uint32_t> keys(n);

	for (uint32_t i = 0; i < n; i++)
		keys[i] = i;
	return fill(name, fd, reinterpret_cast<const uint8_t *>(keys.data()), sizeof(uint32_t), values.data(), value_size, n);
}

Failure put(const Object &object, const char *outer, uint32_t index, int inner)
{
	bpf_map *map = object.map(outer);
	auto value = static_cast<uint32_t>(inner);

	if (!map)
		return failure("install rules", outer, ENOENT, "the object has no such map");
	return bpf_map_update_elem(bpf_map__fd(map), &index, &value, BPF_ANY) ? failure("install rules", outer, errno) : Failure{};
}

void drop(const Object &object, uint32_t bank)
{
	const std::pair<const char *, uint32_t> parts[] = {{"fi_rules_rows", bank},          {"fi_rules_small_b", bank}, {"fi_rules_links", bank},
							   {"fi_rules_addrs", bank * 2},     {"fi_rules_addrs", bank * 2 + 1},
							   {"fi_rules_hits", bank},         {"fi_rules_dropped", bank}};

	for (const auto &[name, index] : parts) /* what is not there needs no removal */
		if (bpf_map *map = object.map(name))
			bpf_map_delete_elem(bpf_map__fd(map), &index);
}

/* Makes the maps of one bank and hangs them in. */
Failure build(const Object &object, const RuleTables &t, uint32_t bank)
{
	const fi_rules_tables v = t.view();
	Fd rows, small, links, hits, dropped;
	Failure f;

	if ((f = make("fi_rows", BPF_MAP_TYPE_ARRAY, 4, sizeof(fi_rule_row), v.n_rows, BPF_F_INNER_MAP, &rows)) ||
	    (f = fillArray("fi_rows", rows.get(), t.rows, sizeof(fi_rule_row))) || (f = put(object, "fi_rules_rows", bank, rows.get())) ||
	    (f = make("fi_small", BPF_MAP_TYPE_ARRAY, 4, 4, FI_SMALL_SIZE, 0, &small)) ||
	    (f = fillArray("fi_small", small.get(), t.small, 4)) || (f = put(object, "fi_rules_small_b", bank, small.get())) ||
	    (f = make("fi_hits", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(fi_rule_hits), FI_RULES_MAX, 0, &hits)) ||
	    (f = put(object, "fi_rules_hits", bank, hits.get())) ||
	    (f = make("fi_dropped", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(fi_dropped_page), FI_DROPPED_PAGES, 0, &dropped)) ||
	    (f = put(object, "fi_rules_dropped", bank, dropped.get())))
		return f;
	for (uint32_t i = 0; i < 2; i++) {
		Fd trie;

		if ((f = make("fi_addrs", BPF_MAP_TYPE_LPM_TRIE, sizeof(fi_rule_prefix), 4, std::max(v.n_prefixes[i], 1u), BPF_F_NO_PREALLOC, &trie)) ||
		    (f = fill("fi_addrs", trie.get(), t.prefixes[i].data(), sizeof(fi_rule_prefix), t.prefix_rows[i].data(), 4, v.n_prefixes[i])) ||
		    (f = put(object, "fi_rules_addrs", bank * 2 + i, trie.get())))
			return f;
	}
	if ((f = make("fi_links", BPF_MAP_TYPE_HASH, 4, 4, std::max(v.n_links, 1u), BPF_F_NO_PREALLOC, &links)))
		return f;
	for (uint32_t i = 0; i < v.n_links; i++)
		if (bpf_map_update_elem(links.get(), t.links.data() + i * 8, t.links.data() + i * 8 + 4, BPF_ANY))
			return failure("fill map", "fi_links", errno);
	if ((f = put(object, "fi_rules_links", bank, links.get())))
		return f;
	bpf_map *heads = object.map("fi_rules_heads");

	if (!heads || bpf_map_update_elem(bpf_map__fd(heads), &bank, t.head.data(), BPF_ANY))
		return failure("install rules", "fi_rules_heads", heads ? errno : ENOENT);
	return {};
}

Failure readSwitch(const Object &object, fi_rules_switch *now)
{
	bpf_map *map = object.map(kSwitch);
	const uint32_t zero = 0;

	if (!map || bpf_map_lookup_elem(bpf_map__fd(map), &zero, now))
		return failure("read map", kSwitch, map ? errno : ENOENT);
	return {};
}

Failure writeSwitch(const Object &object, const fi_rules_switch &next)
{
	const uint32_t zero = 0;

	return bpf_map_update_elem(bpf_map__fd(object.map(kSwitch)), &zero, &next, BPF_ANY) ? failure("write map", kSwitch, errno) : Failure{};
}

uint64_t monotonicNs()
{
	timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

/* What the programs take for the generation in force. */
uint32_t inForce(const fi_rules_switch &s)
{
	return s.until_ns && monotonicNs() >= s.until_ns ? s.before : s.generation;
}

/* The kernel waits, when a map of maps is changed, for all programs that run: after this nobody is left who has read the
 * switch as it was before. */
void settle(const Object &object, uint32_t bank)
{
	bpf_map *map = object.map("fi_rules_hits");
	uint32_t hits = 0;

	if (map && bpf_map_lookup_elem(bpf_map__fd(map), &bank, &hits) == 0) {
		Fd fd(bpf_map_get_fd_by_id(hits));

		if (fd.get() >= 0)
			put(object, "fi_rules_hits", bank, fd.get());
	}
}

} // namespace

Failure installRules(const Object &object, const RuleTables *tables, uint32_t trial_ms, uint32_t *generation)
{
	fi_rules_switch now = {}, next = {};

	if (Failure f = readSwitch(object, &now))
		return f;
	if (now.until_ns)
		return failure("install rules", kSwitch, EBUSY, "a set is on trial");
	/* switched off, the last one is still remembered: a flow's marks of old must not fit a new set */
	next.last = now.last;
	if (tables) {
		next.generation = now.last >= 65534 ? 2 : now.last + 1;
		next.generation += (next.generation & 1) == (now.generation & 1) && now.generation;
		if (Failure f = build(object, *tables, next.generation & 1)) {
			drop(object, next.generation & 1);
			return f;
		}
		next.last = next.generation;
	}
	if (trial_ms) {
		next.before = now.generation;
		next.until_ns = monotonicNs() + trial_ms * 1000000ull;
	}
	if (Failure f = writeSwitch(object, next))
		return f;
	*generation = next.generation;
	if (trial_ms)
		return {};
	if (tables)
		settle(object, next.generation & 1);
	drop(object, tables ? !(next.generation & 1) : 0);
	if (!tables)
		drop(object, 1);
	return {};
}

Failure endTrial(const Object &object, bool confirm, uint32_t *generation)
{
	fi_rules_switch now = {};

	if (Failure f = readSwitch(object, &now))
		return f;
	if (!now.until_ns)
		return failure("end trial", kSwitch, ENOENT, "no set is on trial");
	const uint32_t wanted = confirm ? now.generation : now.before;

	if (confirm && inForce(now) != now.generation)
		return failure("end trial", kSwitch, ETIME, "the time to confirm is over");
	now.generation = *generation = wanted;
	now.before = 0;
	now.until_ns = 0;
	if (Failure f = writeSwitch(object, now))
		return f;
	if (wanted)
		settle(object, wanted & 1);
	for (uint32_t bank = 0; bank < 2; bank++)
		if (!wanted || bank != (wanted & 1))
			drop(object, bank);
	return {};
}

Failure readRuleHits(const Object &object, uint32_t rules, Buffer *out)
{
	bpf_map *hits = object.map("fi_rules_hits");
	fi_rules_switch now = {};
	uint32_t id = 0;

	out->assign(sizeof(fi_rules_switch) + rules * sizeof(fi_rule_hits), 0);
	if (Failure f = readSwitch(object, &now))
		return f;
	now.generation = inForce(now);
	const uint32_t bank = (now.generation ? now.generation : now.last) & 1;

	memcpy(out->data(), &now, sizeof(now));
	if (!hits || bpf_map_lookup_elem(bpf_map__fd(hits), &bank, &id))
		return {}; /* no rules */
	Fd fd(bpf_map_get_fd_by_id(id));

	if (fd.get() < 0)
		return failure("read map", "fi_rules_hits", errno);
	const int cpus = libbpf_num_possible_cpus();
	std::vector<fi_rule_hits> cells(static_cast<size_t>(std::max(cpus, 1)));

	for (uint32_t rule = 0; rule < rules; rule++) {
		fi_rule_hits sum = {};

		if (bpf_map_lookup_elem(fd.get(), &rule, cells.data()))
			return failure("read map", "fi_rules_hits", errno);
		for (const fi_rule_hits &c : cells) {
			sum.packets += c.packets;
			sum.bytes += c.bytes;
			sum.last_ns = std::max(sum.last_ns, c.last_ns);
		}
		memcpy(out->data() + sizeof(now) + rule * sizeof(sum), &sum, sizeof(sum));
	}
	return {};
}

Napi::Value RulesOff(const Napi::CallbackInfo &info)
{
	uint32_t id = 0, off = 0;

	while (bpf_map_get_next_id(id, &id) == 0) {
		Fd fd(bpf_map_get_fd_by_id(id));
		bpf_map_info about = {};
		uint32_t size = sizeof(about);
		const uint32_t zero = 0;
		fi_rules_switch now = {}, next = {};

		if (fd.get() < 0) {
			if (errno == ENOENT) /* gone meanwhile */
				continue;
			return fail(info.Env(), failure("open map", std::to_string(id), errno));
		}
		if (bpf_obj_get_info_by_fd(fd.get(), &about, &size) || strcmp(about.name, kSwitch) || about.value_size != sizeof(now))
			continue;
		if (bpf_map_lookup_elem(fd.get(), &zero, &now))
			return fail(info.Env(), failure("read map", kSwitch, errno));
		if (!now.generation)
			continue;
		next.last = now.last;
		if (bpf_map_update_elem(fd.get(), &zero, &next, BPF_ANY))
			return fail(info.Env(), failure("write map", kSwitch, errno));
		off++;
	}
	if (errno != ENOENT)
		return fail(info.Env(), failure("list maps", "", errno));
	return Napi::Number::New(info.Env(), off);
}

} // namespace flowident
