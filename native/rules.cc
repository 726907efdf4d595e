/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

#include "handles.h"

namespace flowident {

namespace {

constexpr char kSwitch[] = "fi_rules_switch";

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
			putBank(object, "fi_rules_hits", bank, fd.get());
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
		if (Failure f = buildBank(object, *tables, next.generation & 1)) {
			dropBank(object, next.generation & 1);
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
	dropBank(object, tables ? !(next.generation & 1) : 0);
	if (!tables)
		dropBank(object, 1);
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
			dropBank(object, bank);
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
			sum.dropped += c.dropped;
			sum.flows += c.flows;
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
		constexpr uint32_t kHead = 2 * sizeof(uint32_t); /* generation, last: as in all versions */

		if (fd.get() < 0) {
			if (errno == ENOENT) /* gone meanwhile */
				continue;
			return fail(info.Env(), failure("open map", std::to_string(id), errno));
		}
		if (bpf_obj_get_info_by_fd(fd.get(), &about, &size) || strcmp(about.name, kSwitch) || about.value_size < kHead)
			continue;
		/* Whatever else another version keeps there, such as a set that is to come back, goes too. */
		std::vector<uint32_t> now((about.value_size + 7) / 8 * 2), next(now.size());

		if (bpf_map_lookup_elem(fd.get(), &zero, now.data()))
			return fail(info.Env(), failure("read map", kSwitch, errno));
		next[1] = now[1];
		if (now == next)
			continue;
		if (bpf_map_update_elem(fd.get(), &zero, next.data(), BPF_ANY))
			return fail(info.Env(), failure("write map", kSwitch, errno));
		off++;
	}
	if (errno != ENOENT)
		return fail(info.Env(), failure("list maps", "", errno));
	return Napi::Number::New(info.Env(), off);
}

} // namespace flowident
