// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* The kernel part: one object, so that taps share maps and signatures. GPL-compatible, since helpers such as
 * bpf_probe_read_kernel require it. */
#include "taps/socket.h"
#include "taps/wire.h"
#include "taps/owner.h"
#include "taps/decide.h"

char LICENSE[] SEC("license") = "GPL";

/* Structs that cross the boundary only through bpf_ringbuf_reserve would be missing from BTF. */
const struct fi_exec *fi_export_exec __attribute__((unused));
const struct fi_cgroup *fi_export_cgroup __attribute__((unused));
const struct fi_sample *fi_export_sample __attribute__((unused));
const struct fi_listen *fi_export_listen __attribute__((unused));
const struct fi_drop *fi_export_drop __attribute__((unused));
const struct fi_decision *fi_export_decision __attribute__((unused));
const struct fi_rule_row *fi_export_rule_row __attribute__((unused));
const struct fi_rule_prefix *fi_export_rule_prefix __attribute__((unused));
const struct fi_rule_exact *fi_export_rule_exact __attribute__((unused));
const struct fi_rule_hits *fi_export_rule_hits __attribute__((unused));
const struct fi_conn *fi_export_conn __attribute__((unused));
const struct fi_conn_times *fi_export_conn_times __attribute__((unused));
enum fi_conn_error fi_export_conn_error __attribute__((unused));
enum fi_conn_bound fi_export_conn_bound __attribute__((unused));
const struct fi_dropped_page *fi_export_dropped_page __attribute__((unused));
const struct fi_rules_epoch *fi_export_rules_epoch __attribute__((unused));
const struct fi_rule_limit *fi_export_rule_limit __attribute__((unused));
const struct fi_limit_source *fi_export_limit_source __attribute__((unused));
enum fi_limit_flag fi_export_limit_flag __attribute__((unused));
enum fi_decide fi_export_decide __attribute__((unused));
enum fi_decided fi_export_decided __attribute__((unused));
enum fi_rule_field fi_export_rule_field __attribute__((unused));
enum fi_rule_kind fi_export_rule_kind __attribute__((unused));
enum fi_rule_small fi_export_rule_small __attribute__((unused));
enum fi_rules_flag fi_export_rules_flag __attribute__((unused));
enum fi_budget_step fi_export_budget_step __attribute__((unused));
enum fi_counter fi_export_counter __attribute__((unused));
enum fi_confidence fi_export_confidence __attribute__((unused));
enum fi_view fi_export_view __attribute__((unused));
enum fi_role fi_export_role __attribute__((unused));
enum fi_state fi_export_state __attribute__((unused));
enum fi_flow_flag fi_export_flow_flag __attribute__((unused));
enum fi_side_flag fi_export_side_flag __attribute__((unused));
enum fi_owner_how fi_export_owner_how __attribute__((unused));
enum fi_record_type fi_export_record_type __attribute__((unused));
enum fi_grade fi_export_grade __attribute__((unused));
enum fi_who fi_export_who __attribute__((unused));
