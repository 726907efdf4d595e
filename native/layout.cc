/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of maps as a hash: two builds with the same one can share them. */
#include <bpf/btf.h>

#include <cstdio>

#include "keep.h"

namespace flowident {

namespace {

/* Raised when what is in maps means something else although it looks the same. */
constexpr uint64_t kMeaning = 1;
constexpr int kDepth = 16;

class Hash {
public:
	void add(uint64_t v)
	{
		for (int i = 0; i < 8; i++, v >>= 8)
			byte(static_cast<uint8_t>(v));
	}
	void add(const char *text)
	{
		for (; text && *text; text++)
			byte(static_cast<uint8_t>(*text));
		byte(0);
	}
	std::string text() const
	{
		char out[17];

		snprintf(out, sizeof(out), "%016llx", static_cast<unsigned long long>(h_));
		return out;
	}

private:
	void byte(uint8_t b) { h_ = (h_ ^ b) * 0x100000001b3ull; } /* FNV-1a */
	uint64_t h_ = 0xcbf29ce484222325ull;
};

void addType(Hash *h, const btf *types, uint32_t id, int depth)
{
	const btf_type *t = btf__type_by_id(types, id);

	if (!t || depth > kDepth)
		return;
	while (btf_is_mod(t) || btf_is_typedef(t))
		t = btf__type_by_id(types, t->type);
	h->add(btf_kind(t));
	if (btf_is_array(t)) {
		h->add(btf_array(t)->nelems);
		addType(h, types, btf_array(t)->type, depth + 1);
	} else if (btf_is_composite(t)) {
		const btf_member *m = btf_members(t);

		h->add(t->size);
		for (int i = 0; i < btf_vlen(t); i++, m++) {
			h->add(btf__name_by_offset(types, m->name_off));
			h->add(btf_member_bit_offset(t, i));
			addType(h, types, m->type, depth + 1);
		}
	} else if (!btf_is_ptr(t)) {
		h->add(t->size);
	}
}

void addMap(Hash *h, const btf *types, const bpf_map *m)
{
	h->add(bpf_map__name(m));
	h->add(bpf_map__type(m));
	h->add(bpf_map__key_size(m));
	h->add(bpf_map__value_size(m));
	h->add(bpf_map__max_entries(m));
	h->add(bpf_map__map_flags(m));
	if (types && bpf_map__btf_key_type_id(m))
		addType(h, types, bpf_map__btf_key_type_id(m), 0);
	if (types && bpf_map__btf_value_type_id(m))
		addType(h, types, bpf_map__btf_value_type_id(m), 0);
}

} // namespace

std::string mapLayout(bpf_object *object)
{
	const btf *types = bpf_object__btf(object);
	bpf_map *m;
	Hash h;

	h.add(kMeaning);
	bpf_object__for_each_map(m, object)
	{
		if (passing(m))
			continue;
		addMap(&h, types, m);
		if (const bpf_map *inner = bpf_map__inner_map(m))
			addMap(&h, types, inner);
	}
	return h.text();
}

} // namespace flowident
