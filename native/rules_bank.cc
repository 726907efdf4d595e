/* SPDX-License-Identifier: Apache-2.0 */
/* The maps of one set of rules, and where they hang. */
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "handles.h"
#include "rules.h"

namespace flowident {

namespace {

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

} // namespace

Failure putBank(const Object &object, const char *outer, uint32_t index, int inner)
{
	bpf_map *map = object.map(outer);
	auto value = static_cast<uint32_t>(inner);

	if (!map)
		return failure("install rules", outer, ENOENT, "the object has no such map");
	return bpf_map_update_elem(bpf_map__fd(map), &index, &value, BPF_ANY) ? failure("install rules", outer, errno) : Failure{};
}

void dropBank(const Object &object, uint32_t bank)
{
	const std::pair<const char *, uint32_t> parts[] = {{"fi_rules_rows", bank},          {"fi_rules_small_b", bank}, {"fi_rules_exact_b", bank},
							   {"fi_rules_addrs", bank * 2},     {"fi_rules_addrs", bank * 2 + 1},
							   {"fi_rules_hits", bank},         {"fi_rules_dropped", bank},
							   {"fi_rules_limits", bank},        {"fi_rules_sources", bank}, {"fi_rules_epochs", bank}};

	for (const auto &[name, index] : parts) /* what is not there needs no removal */
		if (bpf_map *map = object.map(name))
			bpf_map_delete_elem(bpf_map__fd(map), &index);
}

namespace {

/* What only sets with rates or expiry have; a set before it in this bank may have left some. */
Failure buildTimed(const Object &object, const RuleTables &t, uint32_t bank)
{
	const auto limits = static_cast<uint32_t>(t.limits.size() / sizeof(fi_rule_limit));
	const auto epochs = static_cast<uint32_t>(t.epochs.size() / sizeof(fi_rules_epoch));
	Fd limit, source, epoch;
	Failure f;

	if (limits && ((f = make("fi_limits", BPF_MAP_TYPE_ARRAY, 4, sizeof(fi_rule_limit), limits, BPF_F_INNER_MAP, &limit)) ||
		       (f = fillArray("fi_limits", limit.get(), t.limits, sizeof(fi_rule_limit))) ||
		       (f = putBank(object, "fi_rules_limits", bank, limit.get())) ||
		       (f = make("fi_sources", BPF_MAP_TYPE_LRU_HASH, sizeof(fi_limit_source), 8, FI_LIMIT_SOURCES, 0, &source)) ||
		       (f = putBank(object, "fi_rules_sources", bank, source.get()))))
		return f;
	if (epochs && ((f = make("fi_epochs", BPF_MAP_TYPE_ARRAY, 4, sizeof(fi_rules_epoch), epochs, BPF_F_INNER_MAP, &epoch)) ||
		       (f = fillArray("fi_epochs", epoch.get(), t.epochs, sizeof(fi_rules_epoch))) ||
		       (f = putBank(object, "fi_rules_epochs", bank, epoch.get()))))
		return f;
	return {};
}

} // namespace

Failure buildBank(const Object &object, const RuleTables &t, uint32_t bank)
{
	const fi_rules_tables v = t.view();
	Fd rows, small, exact, hits, dropped;
	Failure f;

	if ((f = make("fi_rows", BPF_MAP_TYPE_ARRAY, 4, sizeof(fi_rule_row), v.n_rows, BPF_F_INNER_MAP, &rows)) ||
	    (f = fillArray("fi_rows", rows.get(), t.rows, sizeof(fi_rule_row))) || (f = putBank(object, "fi_rules_rows", bank, rows.get())) ||
	    (f = make("fi_small", BPF_MAP_TYPE_ARRAY, 4, 4, FI_SMALL_SIZE, 0, &small)) ||
	    (f = fillArray("fi_small", small.get(), t.small, 4)) || (f = putBank(object, "fi_rules_small_b", bank, small.get())) ||
	    (f = make("fi_hits", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(fi_rule_hits), FI_RULES_MAX, 0, &hits)) ||
	    (f = putBank(object, "fi_rules_hits", bank, hits.get())) ||
	    (f = make("fi_dropped", BPF_MAP_TYPE_PERCPU_ARRAY, 4, sizeof(fi_dropped_page), FI_DROPPED_PAGES, 0, &dropped)) ||
	    (f = putBank(object, "fi_rules_dropped", bank, dropped.get())) || (f = buildTimed(object, t, bank)))
		return f;
	for (uint32_t i = 0; i < 2; i++) {
		Fd trie;

		if ((f = make("fi_addrs", BPF_MAP_TYPE_LPM_TRIE, sizeof(fi_rule_prefix), 4, std::max(v.n_prefixes[i], 1u), BPF_F_NO_PREALLOC, &trie)) ||
		    (f = fill("fi_addrs", trie.get(), t.prefixes[i].data(), sizeof(fi_rule_prefix), t.prefix_rows[i].data(), 4, v.n_prefixes[i])) ||
		    (f = putBank(object, "fi_rules_addrs", bank * 2 + i, trie.get())))
			return f;
	}
	constexpr size_t key = sizeof(fi_rule_exact);

	if ((f = make("fi_exact", BPF_MAP_TYPE_HASH, key, 4, std::max(v.n_exact, 1u), BPF_F_NO_PREALLOC, &exact)))
		return f;
	for (uint32_t i = 0; i < v.n_exact; i++)
		if (bpf_map_update_elem(exact.get(), t.exact.data() + i * (key + 4), t.exact.data() + i * (key + 4) + key, BPF_ANY))
			return failure("fill map", "fi_exact", errno);
	if ((f = putBank(object, "fi_rules_exact_b", bank, exact.get())))
		return f;
	bpf_map *heads = object.map("fi_rules_heads");

	if (!heads || bpf_map_update_elem(bpf_map__fd(heads), &bank, t.head.data(), BPF_ANY))
		return failure("install rules", "fi_rules_heads", heads ? errno : ENOENT);
	return {};
}

} // namespace flowident
