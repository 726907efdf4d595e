/* SPDX-License-Identifier: Apache-2.0 */
#define FI_HOST 1
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* `#pragma unroll` is clang's, for the kernel build */

#include "rules_host.h"

#include <string.h>

#include "../bpf/lib/rules/match.h"

void fi_rules_host(const struct fi_rules_tables *t, const struct fi_rule_packet *p, struct fi_rule_verdict *v)
{
	struct fi_rules_work w;
	struct fi_rules_set set;

	memset(&w, 0, sizeof(w));
	memcpy(&set.head, t->head, sizeof(set.head));
	set.rows = t->rows;
	set.small = t->small;
	set.exact = t->exact;
	set.epochs = t->epochs;
	set.n_rows = t->n_rows;
	set.n_exact = t->n_exact;
	for (int i = 0; i < 2; i++) {
		set.prefix[i] = t->prefixes[i];
		set.prefix_row[i] = t->prefix_rows[i];
		set.n_prefix[i] = t->n_prefixes[i];
	}
	w.set = &set;
	w.head = set.head;
	w.p = *p;
	fi_rules_at(&w);
	fi_rules_decide(&w);
	*v = w.v;
}
