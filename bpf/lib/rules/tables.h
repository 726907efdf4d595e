/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tables of rules live: maps in the kernel, plain arrays in user space. */
#ifndef FI_RULES_TABLES_H
#define FI_RULES_TABLES_H

#ifdef FI_HOST

/* One compiled set. The prefixes stand in the order of their bytes, a shorter one before those that it holds. */
struct fi_rules_set {
	struct fi_rules_head head;
	const struct fi_rule_row *rows;
	const __u32 *small;
	const struct fi_rule_prefix *prefix[2];
	const __u32 *prefix_row[2];
	const __u32 *exact; /* struct fi_rule_exact and a row: three words each */
	const struct fi_rules_epoch *epochs;
	__u32 n_rows;
	__u32 n_prefix[2];
	__u32 n_exact;
};

#define FI_RULES_BANK const struct fi_rules_set *
#define FI_RULES_BEGIN(w) ((w)->set)
#define FI_RULES_ROW(set, id) ((id) < (set)->n_rows ? &(set)->rows[id] : 0)

static inline __u32 fi_rules_small(const struct fi_rules_work *w, __u32 index)
{
	return index < FI_SMALL_SIZE ? w->set->small[index] : FI_ROW_ONES;
}

static inline int fi_prefix_holds(const struct fi_rule_prefix *p, __u8 net, const __u8 *addr)
{
	__u32 bits = p->prefix - 8;

	if (p->net != net || __builtin_memcmp(p->addr, addr, bits / 8))
		return 0;
	return bits % 8 == 0 || !((p->addr[bits / 8] ^ addr[bits / 8]) >> (8 - bits % 8));
}

/* A plain walk over all prefixes: right, not fast. */
static inline __u32 fi_rules_addr(const struct fi_rules_work *w, int which)
{
	const __u8 *addr = w->p.addr[which] + (w->p.net == 4 ? 12 : 0);
	__u32 best = 0, row = FI_ROW_ONES;

	for (__u32 i = 0; i < w->set->n_prefix[which]; i++) {
		const struct fi_rule_prefix *p = &w->set->prefix[which][i];

		if (p->prefix >= best && fi_prefix_holds(p, w->p.net, addr)) {
			best = p->prefix;
			row = w->set->prefix_row[which][i];
		}
	}
	return row;
}

#define FI_RULES_EPOCHS_OF(w) ((w)->set)
#define FI_RULES_EPOCH(set, i) (&(set)->epochs[i])

static inline __u32 fi_rules_exact(const struct fi_rules_work *w, __u32 field, __u32 value, __u32 row)
{
	for (const __u32 *e = w->set->exact; e < w->set->exact + 3 * w->set->n_exact; e += 3)
		if (e[0] == field && e[1] == value)
			return e[2];
	return row;
}

#else

#include "../kernel.h"

/* The inner maps are made by native/rules.cc with each set; these show their shape to the verifier. Read by the programs of
 * the wire view, written by user space only. */
struct fi_rules_rows_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct fi_rule_row);
};
struct fi_rules_small_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FI_SMALL_SIZE);
	__type(key, __u32);
	__type(value, __u32);
};
struct fi_rules_addrs_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fi_rule_prefix);
	__type(value, __u32);
};
struct fi_rules_exact_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fi_rule_exact);
	__type(value, __u32);
};
/* Counters of the rules of one set, which begin at 0 with it. */
struct fi_rules_hits_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FI_RULES_MAX);
	__type(key, __u32);
	__type(value, struct fi_rule_hits);
};
/* Written by the programs too: what is spent. */
struct fi_rules_limits_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct fi_rule_limit);
};
/* Per source: struct fi_rule_limit.spent. */
struct fi_rules_sources_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FI_LIMIT_SOURCES);
	__type(key, struct fi_limit_source);
	__type(value, __u64);
};
struct fi_rules_epochs_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_INNER_MAP);
	__type(key, __u32);
	__type(value, struct fi_rules_epoch);
};
/* See bpf/taps/drops.h. */
struct fi_rules_dropped_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FI_DROPPED_PAGES);
	__type(key, __u32);
	__type(value, struct fi_dropped_page);
};

#define FI_RULES_BANKS(name, entries, inner)                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);                                          \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__array(values, struct inner);                                                     \
	} name SEC(".maps")

/* By bank; empty without rules. */
FI_RULES_BANKS(fi_rules_rows, 2, fi_rules_rows_map);
FI_RULES_BANKS(fi_rules_small_b, 2, fi_rules_small_map);
FI_RULES_BANKS(fi_rules_addrs, 4, fi_rules_addrs_map); /* bank * 2 + which */
FI_RULES_BANKS(fi_rules_exact_b, 2, fi_rules_exact_map);
FI_RULES_BANKS(fi_rules_hits, 2, fi_rules_hits_map);
FI_RULES_BANKS(fi_rules_dropped, 2, fi_rules_dropped_map);
/* Empty in a set that has no such rules. */
FI_RULES_BANKS(fi_rules_limits, 2, fi_rules_limits_map);
FI_RULES_BANKS(fi_rules_sources, 2, fi_rules_sources_map);
FI_RULES_BANKS(fi_rules_epochs, 2, fi_rules_epochs_map);
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct fi_rules_head);
} fi_rules_heads SEC(".maps");
/* What is in force. Any process with the right to may write it: that is how rules are switched off without the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fi_rules_switch);
} fi_rules_switch SEC(".maps");

#define FI_RULES_BANK void *
#define FI_RULES_BEGIN(w) ({ __u32 bank_ = (w)->bank; bpf_map_lookup_elem(&fi_rules_rows, &bank_); })
#define FI_RULES_EPOCHS_OF(w) ({ __u32 bank_ = (w)->bank; bpf_map_lookup_elem(&fi_rules_epochs, &bank_); })
#define FI_RULES_EPOCH(map, i) ({ __u32 i_ = (i); (const struct fi_rules_epoch *)bpf_map_lookup_elem(map, &i_); })
#define FI_RULES_ROW(map, id) ({ __u32 id_ = (id); (const struct fi_rule_row *)bpf_map_lookup_elem(map, &id_); })

FI_SUB __u32 fi_rules_small(const struct fi_rules_work *w, __u32 index)
{
	__u32 bank = w->bank, key = index;
	void *map = bpf_map_lookup_elem(&fi_rules_small_b, &bank);
	__u32 *row = map ? bpf_map_lookup_elem(map, &key) : 0;

	return row ? *row : FI_ROW_ONES;
}

FI_SUB __u32 fi_rules_addr(const struct fi_rules_work *w, int which)
{
	struct fi_rule_prefix key = { .prefix = 8 + 128 };
	__u32 bank = w->bank * 2 + (which & 1);
	void *map = bpf_map_lookup_elem(&fi_rules_addrs, &bank);
	const __u8 *addr = which & 1 ? w->p.addr[1] : w->p.addr[0];
	__u32 *row;

	key.net = w->p.net;
	if (key.net == 4) {
		key.prefix = 8 + 32;
		__builtin_memcpy(key.addr, addr + 12, 4);
	} else {
		__builtin_memcpy(key.addr, addr, 16);
	}
	row = map ? bpf_map_lookup_elem(map, &key) : 0;
	return row ? *row : FI_ROW_ONES;
}

FI_SUB __u32 fi_rules_exact(const struct fi_rules_work *w, __u32 field, __u32 value, __u32 row)
{
	struct fi_rule_exact key = { .field = field, .value = value };
	__u32 bank = w->bank;
	void *map = bpf_map_lookup_elem(&fi_rules_exact_b, &bank);
	__u32 *found = map ? bpf_map_lookup_elem(map, &key) : 0;

	return found ? *found : row;
}

#endif

/* The rule is in this row. */
FI_SUB int fi_rules_has(const struct fi_rules_work *w, __u32 id, __u32 rule)
{
	FI_RULES_BANK bank = FI_RULES_BEGIN(w);
	const struct fi_rule_row *row;

	if (!bank)
		return 0;
	row = FI_RULES_ROW(bank, id);
	return row && row->word[rule / 64 & (FI_ROW_WORDS - 1)] >> (rule & 63) & 1;
}

#endif
