/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <malloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core.h"

extern "C" {
extern const unsigned char fi_object_begin[];
extern const unsigned char fi_object_end[];
}

namespace flowident {

namespace {

/* Sizes that C++ and the object must agree on: an object of another abi.h would be read wrongly without a word. */
struct Shape {
	const char *map;
	uint32_t key, value; /* 0: not compared */
};
const Shape kShapes[] = {
	{"fi_flows", sizeof(fi_tuple), sizeof(fi_flow)}, {"fi_new", sizeof(fi_tuple), sizeof(fi_flow)}, {"fi_agg_keys", sizeof(fi_agg_key), 4},
	{"fi_agg", 4, sizeof(fi_agg)},                   {"fi_owners", 0, sizeof(fi_owner)},            {"fi_counters", 4, 8},
	{"fi_conns", 4, sizeof(fi_conn)},
};

uint32_t powerOfTwo(uint32_t n)
{
	uint32_t p = 4096;

	while (p < n && p < 1u << 30)
		p <<= 1;
	return p;
}

bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Writes one read-only variable into the initial image of its section. */
bool setConstant(bpf_object *object, const std::string &name, double value)
{
	btf *types = bpf_object__btf(object);
	bpf_map *map;

	if (!types)
		return false;
	bpf_object__for_each_map(map, object)
	{
		size_t size = 0;
		char *image = static_cast<char *>(const_cast<void *>(static_cast<const void *>(bpf_map__initial_value(map, &size))));
		const char *section = strchr(bpf_map__name(map), '.');

		if (!image || !section || !starts(section, ".rodata"))
			continue;
		int id = btf__find_by_name_kind(types, section, BTF_KIND_DATASEC);

		if (id < 0)
			continue;
		const btf_type *t = btf__type_by_id(types, id);
		const btf_var_secinfo *v = btf_var_secinfos(t);

		for (int i = 0; i < btf_vlen(t); i++, v++) {
			const btf_type *variable = btf__type_by_id(types, v->type);
			uint64_t n = static_cast<uint64_t>(static_cast<int64_t>(value));

			if (name != btf__name_by_offset(types, variable->name_off) || v->size > 8 || v->offset + v->size > size)
				continue;
			memcpy(image + v->offset, &n, v->size); /* little-endian hosts, as the object */
			return true;
		}
	}
	return false;
}

/* The load took tens of megabytes that nobody needs after it; malloc would keep them for this process. */
void giveBack()
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

} // namespace

bool requiredSection(const std::string &section)
{
	return section.starts_with("cgroup_skb/");
}

bpf_program *Object::program(const std::string &name) const
{
	bpf_program *p = bpf_object__find_program_by_name(object_.get(), name.c_str());

	return p && bpf_program__fd(p) >= 0 ? p : nullptr;
}

bpf_map *Object::map(const std::string &name) const
{
	return bpf_object__find_map_by_name(object_.get(), name.c_str());
}

bool Object::isSkipped(const std::string &name) const
{
	return std::any_of(skipped_.begin(), skipped_.end(), [&](const Skipped &s) { return s.program == name; });
}

void Object::skip(const std::string &program, const std::string &error, const std::string &log)
{
	skipped_.push_back({program, error, log});
}

bool Object::open(const LoadOptions &options, Failure *why)
{
	LogCapture capture;
	bpf_object *o;
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "flowident");

	if (options.path.empty())
		o = bpf_object__open_mem(fi_object_begin, static_cast<size_t>(fi_object_end - fi_object_begin), &opts);
	else
		o = bpf_object__open_file(options.path.c_str(), &opts);
	if (!o) {
		int err = errno;

		*why = failure("open", options.path.empty() ? "built-in object" : options.path, err, lastUsefulLine(capture.text()));
		return false;
	}
	object_.reset(o);
	return true;
}

bool Object::configure(const LoadOptions &options, Failure *why)
{
	const std::pair<const char *, uint32_t> sizes[] = {
		{"fi_flows", options.flows},
		/* undecided flows are fewer: half of the table */
		{"fi_new", options.flows ? std::max(options.flows / 2, 64u) : 0},
		{"fi_pending", options.pending},
		{"fi_ring", options.ring_bytes ? powerOfTwo(options.ring_bytes) : 0},
		{"fi_agg_keys", options.aggregates},
		{"fi_conns", options.aggregates},
		{"fi_requests", options.request_bytes ? powerOfTwo(options.request_bytes) : 0},
		/* slot 0 is not an aggregate's */
		{"fi_agg", options.aggregates ? options.aggregates + 1 : 0},
	};

	for (const auto &[name, entries] : sizes) {
		bpf_map *m = map(name);

		if (!m || !entries)
			continue;
		if (int err = bpf_map__set_max_entries(m, entries)) {
			*why = failure("set max_entries", name, err);
			return false;
		}
	}
	for (const Shape &s : kShapes) {
		bpf_map *m = map(s.map);

		if (!m || (bpf_map__value_size(m) == s.value && (!s.key || bpf_map__key_size(m) == s.key)))
			continue;
		*why = failure("open", s.map, EPROTO, "the object was built from another bpf/abi.h than the addon");
		return false;
	}
	for (const auto &[name, value] : options.constants) {
		if (setConstant(object_.get(), name, value))
			continue;
		*why = failure("set constant", name, ENOENT, "the object has no read-only variable of this name");
		return false;
	}
	bpf_program *p;

	bpf_object__for_each_program(p, object_.get())
	{
		const char *name = bpf_program__name(p);

		if (isSkipped(name) || std::find(options.without.begin(), options.without.end(), name) != options.without.end())
			bpf_program__set_autoload(p, false);
	}
	return true;
}

/* Tracepoints that this kernel does not have are known beforehand: no load has to fail for them. */
void Object::skipMissing()
{
	bpf_program *p;

	bpf_object__for_each_program(p, object_.get())
	{
		const char *section = bpf_program__section_name(p);

		if (!starts(section, "tp_btf/") || !bpf_program__autoload(p))
			continue;
		LogCapture quiet;
		int id = libbpf_find_vmlinux_btf_id(section + strlen("tp_btf/"), BPF_TRACE_RAW_TP);

		if (id > 0)
			continue;
		bpf_program__set_autoload(p, false);
		skip(bpf_program__name(p), std::string("this kernel has no tracepoint ") + (section + strlen("tp_btf/")), "");
	}
}

/* Without a place to keep it the rest works as well; only another process that keeps things there is an error. */
bool Object::openKeep(const LoadOptions &options, Failure *why)
{
	if (options.keep.empty() || (keep_ = Keep::open(options.keep, why)))
		return true;
	if (why->err == EBUSY)
		return false;
	keep_error_ = why->op + " " + why->object + ": " + why->message;
	*why = {};
	return true;
}

std::shared_ptr<Object> Object::load(const LoadOptions &options, Failure *why)
{
	auto self = std::make_shared<Object>();
	LogCapture capture;

	if (!self->openKeep(options, why))
		return nullptr;

	/* A failed load closes everything, so each program that is dropped costs one more load. They are few, and only on
	 * kernels that are old or locked down. */
	for (;;) {
		if (!self->open(options, why) || !self->configure(options, why))
			return nullptr;
		if (self->skipped_.empty())
			self->skipMissing();
		if (self->keep_ && (*why = self->keep_->reuse(self->object_.get())))
			return nullptr;
		capture.clear();
		int err = bpf_object__load(self->object_.get());

		if (!err)
			break;
		LoadLog log = readLoadLog(capture.text());
		bpf_program *p = log.program.empty() ? nullptr : bpf_object__find_program_by_name(self->object_.get(), log.program.c_str());
		std::string useful = log.last.empty() ? strerror(-err) : log.last;
		/* Without privileges nothing loads: the first refusal says it all. */
		bool drop = p && err != -EPERM && !requiredSection(bpf_program__section_name(p)) && !self->isSkipped(log.program);

		if (!drop) {
			*why = failure("load", log.program.empty() ? "object" : log.program, err, log.program.empty() ? lastUsefulLine(capture.text()) : useful);
			why->log = log.verifier;
			return nullptr;
		}
		self->skip(log.program, useful, log.verifier);
	}
	if (self->keep_ && (*why = self->keep_->pinMaps(self->object_.get())))
		return nullptr;
	if (options.stats) {
		int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

		if (fd >= 0) /* refused: run times stay 0, which programs() shows */
			self->stats_.reset(fd);
	}
	giveBack();
	return self;
}

} // namespace flowident
