/* SPDX-License-Identifier: Apache-2.0 */
#include "packs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "core.h"
#include "error.h"

namespace flowident {

namespace {

constexpr char kRules[] = "fi_pack_rules", kSwitch[] = "fi_pack_switch", kNames[] = "fi_pack_names";

/* What the next sample is about; src/packs/samples.ts writes it in front of the bytes. */
struct SampleHead {
	uint16_t protocol;
	uint16_t len;
	uint8_t l4;
	uint8_t from; /* enum fi_who */
};

bool bytesAt(const Napi::CallbackInfo &info, size_t i, const char *who, Napi::Uint8Array *out)
{
	if (i >= info.Length() || !info[i].IsTypedArray() || info[i].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
		failArgument(info.Env(), std::string(who) + ": argument " + std::to_string(i + 1) + " must be a Uint8Array");
		return false;
	}
	*out = info[i].As<Napi::Uint8Array>();
	return true;
}

bool packsAt(const Napi::CallbackInfo &info, const char *who, std::vector<uint8_t> *out)
{
	Napi::Uint8Array rules;

	if (!bytesAt(info, 0, who, &rules))
		return false;
	if (!readPacks(rules, *out)) {
		failArgument(info.Env(), std::string(who) + ": packs are not well formed");
		return false;
	}
	return true;
}

} // namespace

bool readPacks(const Napi::Uint8Array &rules, std::vector<uint8_t> &out)
{
	out.assign(fi_core_packs_size(), 0);
	return fi_core_packs_read(reinterpret_cast<fi_packs *>(out.data()), rules.Data(), static_cast<__u32>(rules.ByteLength())) != 0;
}

Napi::Value PackClaims(const Napi::CallbackInfo &info)
{
	uint32_t count = info.Length() > 1 && info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0, claims = 0;
	uint64_t s = 0x9e3779b97f4a7c15ull; /* the same payloads every time: a pack passes or does not */
	std::vector<uint8_t> packs;
	fi_win w;

	if (!packsAt(info, "packClaims", &packs))
		return info.Env().Undefined();
	memset(&w, 0, sizeof(w));
	for (uint32_t i = 0; i < count; i++) {
		for (size_t at = 0; at < FI_WINDOW; at += 8) {
			s ^= s << 13;
			s ^= s >> 7;
			s ^= s << 17;
			memcpy(w.data + at, &s, 8);
		}
		w.total = w.len = i & 2 ? FI_WINDOW : 1 + static_cast<__u32>(s >> 40) % FI_WINDOW;
		w.l4 = i & 1 ? FI_TCP : FI_UDP;
		w.whole = w.l4 == FI_UDP;
		w.start = 1;
		claims += fi_core_packs_ask(reinterpret_cast<const fi_packs *>(packs.data()), &w) != 0;
	}
	return Napi::Number::New(info.Env(), claims);
}

Napi::Value PackSteals(const Napi::CallbackInfo &info)
{
	std::vector<uint8_t> packs;
	std::set<uint16_t> stolen;
	Napi::Uint8Array samples;
	SampleHead head;
	fi_win w;

	if (!packsAt(info, "packSteals", &packs) || !bytesAt(info, 1, "packSteals", &samples))
		return info.Env().Undefined();
	const uint8_t *at = samples.Data(), *end = at + samples.ByteLength();

	while (at < end) {
		if (end - at >= static_cast<ptrdiff_t>(sizeof(head)))
			memcpy(&head, at, sizeof(head));
		else
			head.len = FI_WINDOW + 1;
		if (head.len > FI_WINDOW || end - at - static_cast<ptrdiff_t>(sizeof(head)) < head.len)
			return failArgument(info.Env(), "packSteals: samples are not well formed");
		memset(&w, 0, sizeof(w));
		memcpy(w.data, at + sizeof(head), head.len);
		w.len = w.total = head.len;
		w.l4 = head.l4;
		w.from = head.from;
		w.whole = head.l4 == FI_UDP;
		w.start = 1;
		if (fi_core_packs_match(reinterpret_cast<const fi_packs *>(packs.data()), &w))
			stolen.insert(head.protocol);
		at += sizeof(head) + head.len;
	}
	auto out = Napi::Uint16Array::New(info.Env(), stolen.size());
	size_t i = 0;

	for (uint16_t protocol : stolen)
		out[i++] = protocol;
	return out;
}

Napi::Value installPacks(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	bpf_map *rules = object->map(kRules), *now = object->map(kSwitch), *names = object->map(kNames);
	std::vector<uint8_t> packs;
	Napi::Uint8Array bytes, words;
	uint32_t zero = 0, turn = 0;

	if (!packsAt(info, "installPacks", &packs) || !bytesAt(info, 0, "installPacks", &bytes) || !bytesAt(info, 1, "installPacks", &words))
		return info.Env().Undefined();
	if (!rules || !now || !names)
		return fail(info.Env(), failure("install packs", kRules, ENOENT, "the object has no such map"));
	const size_t size = bpf_map__value_size(rules), word = bpf_map__value_size(names), count = bytes.ByteLength() / size;

	if (words.ByteLength() != word * bpf_map__max_entries(names))
		return failArgument(info.Env(), "installPacks: argument 2 has a size that cannot be");
	if (bpf_map_lookup_elem(bpf_map__fd(now), &zero, &turn))
		return fail(info.Env(), failure("read map", kSwitch, errno));
	const uint32_t first = turn >> 16 ? 0 : bpf_map__max_entries(rules) / 2;

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t key = first + i;

		if (bpf_map_update_elem(bpf_map__fd(rules), &key, bytes.Data() + i * size, BPF_ANY))
			return fail(info.Env(), failure("write map", kRules, errno));
	}
	for (uint32_t i = 0; i < bpf_map__max_entries(names); i++)
		if (bpf_map_update_elem(bpf_map__fd(names), &i, words.Data() + i * word, BPF_ANY))
			return fail(info.Env(), failure("write map", kNames, errno));
	turn = first << 16 | static_cast<uint32_t>(count);
	if (bpf_map_update_elem(bpf_map__fd(now), &zero, &turn, BPF_ANY))
		return fail(info.Env(), failure("write map", kSwitch, errno));
	return info.Env().Undefined();
}

Napi::Value packNames(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	bpf_map *names = object->map(kNames);

	if (!names)
		return fail(info.Env(), failure("read map", kNames, ENOENT, "the object has no such map"));
	const size_t word = bpf_map__value_size(names), n = bpf_map__max_entries(names);
	auto out = Napi::Uint8Array::New(info.Env(), word * n);

	for (uint32_t i = 0; i < n; i++)
		if (bpf_map_lookup_elem(bpf_map__fd(names), &i, out.Data() + i * word))
			return fail(info.Env(), failure("read map", kNames, errno));
	return out;
}

} // namespace flowident
