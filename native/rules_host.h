/* SPDX-License-Identifier: Apache-2.0 */
/* The rule evaluator of bpf/lib/rules, built for user space. */
#ifndef FI_NATIVE_RULES_HOST_H
#define FI_NATIVE_RULES_HOST_H

#ifndef FI_HOST
#define FI_HOST 1
#endif

#ifdef __cplusplus
#define _Static_assert static_assert
extern "C" {
#endif

#include "../bpf/rules.h"

/* The tables of one set, as src/rules/compile.ts writes them; they stay the caller's. */
struct fi_rules_tables {
	const void *head, *rows, *small, *exact, *epochs;
	const void *prefixes[2], *prefix_rows[2]; /* source, destination */
	__u32 n_rows, n_exact;
	__u32 n_prefixes[2];
};

/* What the rules say of a packet. */
void fi_rules_host(const struct fi_rules_tables *t, const struct fi_rule_packet *p, struct fi_rule_verdict *v);

#ifdef __cplusplus
}
#endif

#endif
