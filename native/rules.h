/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of drop rules: into the kernel, out of force, and evaluated in user space. */
#ifndef FI_NATIVE_RULES_H
#define FI_NATIVE_RULES_H

#include <napi.h>

#include <memory>

#include "maps.h"
#include "object.h"
#include "rules_host.h"

namespace flowident {

/* A compiled set that owns its bytes. */
struct RuleTables {
	Buffer head, rows, small, exact, limits, epochs;
	Buffer prefixes[2], prefix_rows[2];

	/* Reads RuleTables of addon.d.ts; throws and returns false when sizes do not fit together. */
	bool read(Napi::Env env, Napi::Value value);
	fi_rules_tables view() const;
	uint32_t rules() const;
	fi_rules_head headOf() const;
};

/* Makes the maps of one bank and hangs them in; takes what hangs there away; hangs in one of them. */
Failure buildBank(const Object &object, const RuleTables &t, uint32_t bank);
void dropBank(const Object &object, uint32_t bank);
Failure putBank(const Object &object, const char *outer, uint32_t index, int inner);
/* Puts the set in force in place of the one before, at once; nullptr: no rules. *generation: the one that is now in force.
 * trial_ms: after so long the one before is in force again, whoever lives then, unless endTrial keeps this one. */
Failure installRules(const Object &object, const RuleTables *tables, uint32_t trial_ms, uint32_t *generation);
/* Keeps the set on trial, or brings back the one before. ENOENT: none is on trial; ETIME: too late to keep it. */
Failure endTrial(const Object &object, bool confirm, uint32_t *generation);
/* struct fi_rules_switch, and struct fi_rule_hits[], summed over CPUs, of the set in force. */
Failure readRuleHits(const Object &object, uint32_t rules, Buffer *out);

/* Methods of KernelHandle. */
Napi::Value installRules(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);
Napi::Value endRuleTrial(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);
Napi::Value ruleHits(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object);
/* rulesOff(): switches rules off in every loaded object of this host, whoever loaded it; says in how many. */
Napi::Value RulesOff(const Napi::CallbackInfo &info);
/* evaluateRules(tables, packets) of addon.d.ts. */
Napi::Value EvaluateRules(const Napi::CallbackInfo &info);

} // namespace flowident

#endif
