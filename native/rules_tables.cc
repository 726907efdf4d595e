/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled rules as they come from JavaScript, and what they say of packets, without a kernel. */
#include <algorithm>
#include <cstring>

#include "job.h"
#include "rules.h"
#include "values.h"

namespace flowident {

namespace {

bool take(Napi::Env env, const Napi::Object &from, const char *key, size_t unit, Buffer *out)
{
	Napi::Value v = from.Get(key);

	if (!v.IsTypedArray() || v.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
		failArgument(env, std::string("rules: ") + key + " must be a Uint8Array");
		return false;
	}
	auto a = v.As<Napi::Uint8Array>();

	if (a.ByteLength() % unit) {
		failArgument(env, std::string("rules: ") + key + " has a size that cannot be");
		return false;
	}
	out->assign(a.Data(), a.Data() + a.ByteLength());
	return true;
}

} // namespace

bool RuleTables::read(Napi::Env env, Napi::Value value)
{
	if (!value.IsObject()) {
		failArgument(env, "rules: tables must be an object");
		return false;
	}
	Napi::Object o = value.As<Napi::Object>();

	if (!take(env, o, "head", sizeof(fi_rules_head), &head) || !take(env, o, "rows", sizeof(fi_rule_row), &rows) ||
	    !take(env, o, "small", 4, &small) || !take(env, o, "exact", sizeof(fi_rule_exact) + 4, &exact) ||
	    !take(env, o, "limits", sizeof(fi_rule_limit), &limits) || !take(env, o, "epochs", sizeof(fi_rules_epoch), &epochs) ||
	    !take(env, o, "sources", sizeof(fi_rule_prefix), &prefixes[0]) || !take(env, o, "sourceRows", 4, &prefix_rows[0]) ||
	    !take(env, o, "destinations", sizeof(fi_rule_prefix), &prefixes[1]) || !take(env, o, "destinationRows", 4, &prefix_rows[1]))
		return false;
	const bool fits = head.size() == sizeof(fi_rules_head) && !rows.empty() && small.size() == 4 * FI_SMALL_SIZE &&
			  prefixes[0].size() / sizeof(fi_rule_prefix) == prefix_rows[0].size() / 4 &&
			  prefixes[1].size() / sizeof(fi_rule_prefix) == prefix_rows[1].size() / 4 && rules() <= FI_RULES_MAX &&
			  epochs.size() == headOf().epochs * sizeof(fi_rules_epoch) && epochs.size() <= FI_RULES_EPOCHS * sizeof(fi_rules_epoch) &&
			  (limits.empty() || limits.size() == rules() * sizeof(fi_rule_limit));

	if (!fits)
		failArgument(env, "rules: the tables do not fit together");
	return fits;
}

fi_rules_tables RuleTables::view() const
{
	fi_rules_tables t = {};

	t.head = head.data();
	t.rows = rows.data();
	t.small = small.data();
	t.exact = exact.data();
	t.epochs = epochs.data();
	t.n_rows = static_cast<uint32_t>(rows.size() / sizeof(fi_rule_row));
	t.n_exact = static_cast<uint32_t>(exact.size() / (sizeof(fi_rule_exact) + 4));
	for (int i = 0; i < 2; i++) {
		t.prefixes[i] = prefixes[i].data();
		t.prefix_rows[i] = prefix_rows[i].data();
		t.n_prefixes[i] = static_cast<uint32_t>(prefixes[i].size() / sizeof(fi_rule_prefix));
	}
	return t;
}

fi_rules_head RuleTables::headOf() const
{
	fi_rules_head h;

	memcpy(&h, head.data(), sizeof(h));
	return h;
}

uint32_t RuleTables::rules() const
{
	return headOf().rules;
}

Napi::Value installRules(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	Napi::Env env = info.Env();
	auto tables = info[0].IsNull() ? nullptr : std::make_shared<RuleTables>();

	const uint32_t trial = info[1].IsNumber() ? info[1].As<Napi::Number>().Uint32Value() : 0;

	if (tables && !tables->read(env, info[0]))
		return env.Undefined();
	return Job<uint32_t>::run(
		env, "flowident:installRules", [object, tables, trial](uint32_t *generation) { return installRules(*object, tables.get(), trial, generation); },
		[](Napi::Env e, uint32_t *generation) { return Napi::Number::New(e, *generation); });
}

Napi::Value endRuleTrial(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	const bool confirm = info[0].ToBoolean();

	return Job<uint32_t>::run(
		info.Env(), "flowident:endTrial", [object, confirm](uint32_t *generation) { return endTrial(*object, confirm, generation); },
		[](Napi::Env e, uint32_t *generation) { return Napi::Number::New(e, *generation); });
}

Napi::Value ruleHits(const Napi::CallbackInfo &info, const std::shared_ptr<Object> &object)
{
	const uint32_t rules = info[0].IsNumber() ? std::min<uint32_t>(info[0].As<Napi::Number>().Uint32Value(), FI_RULES_MAX) : 0;

	return Job<Buffer>::run(
		info.Env(), "flowident:ruleHits", [object, rules](Buffer *out) { return readRuleHits(*object, rules, out); },
		[](Napi::Env e, Buffer *out) { return toArrayBuffer(e, *out); });
}

Napi::Value EvaluateRules(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	RuleTables tables;

	if (!tables.read(env, info[0]))
		return env.Undefined();
	if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
	    info[1].As<Napi::TypedArray>().ByteLength() % sizeof(fi_rule_packet))
		return failArgument(env, "evaluateRules: packets must be a Uint8Array of struct fi_rule_packet");
	auto packets = info[1].As<Napi::Uint8Array>();
	const size_t n = packets.ByteLength() / sizeof(fi_rule_packet);
	const fi_rules_tables view = tables.view();
	auto out = Napi::Uint32Array::New(env, n * sizeof(fi_rule_verdict) / 4);

	for (size_t i = 0; i < n; i++) {
		fi_rule_packet p;
		fi_rule_verdict v;

		memcpy(&p, packets.Data() + i * sizeof(p), sizeof(p));
		fi_rules_host(&view, &p, &v);
		memcpy(out.Data() + i * sizeof(v) / 4, &v, sizeof(v));
	}
	return out;
}

} // namespace flowident
