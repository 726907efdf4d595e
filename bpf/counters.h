/* SPDX-License-Identifier: Apache-2.0 */
/* What the taps count beside flows: totals, and each way in which something is lost. Part of abi.h. */
#ifndef FI_COUNTERS_H
#define FI_COUNTERS_H

/* Causes and totals, one per-CPU cell each. The comment is the metric's help text; names and texts are generated from
 * here (tools/gen-abi.mjs). Packets that taps were given = packets in
 * fi_agg, slot 0 included, + the causes marked "unaccounted": each packet is in exactly one of them. */
enum fi_counter {
	FI_C_SOCKET_RX = 0, /* packets seen on their way to a local socket */
	FI_C_SOCKET_TX = 1, /* packets seen on their way from a local socket */
	FI_C_WIRE_RX = 2, /* packets seen entering an interface */
	FI_C_WIRE_TX = 3, /* packets seen leaving an interface */
	FI_C_NOT_IP = 4, /* unaccounted: neither IPv4 nor IPv6 */
	FI_C_TRUNCATED = 5, /* unaccounted: a header was cut off */
	FI_C_MALFORMED = 6, /* unaccounted: a header contradicts itself */
	FI_C_TOO_DEEP = 7, /* unaccounted: more nested headers than are followed */
	FI_C_NO_TRANSPORT = 8, /* unaccounted: no TCP, UDP or other followed transport */
	FI_C_FRAGMENT_ORPHAN = 9, /* unaccounted: fragment whose first part was not seen */
	FI_C_TABLE_FULL = 10, /* unaccounted: no room for a new flow */
	FI_C_NO_SOCKET = 11, /* unaccounted: no full socket attached to the packet */
	FI_C_PENDING_FULL = 12, /* classification lost: no room to keep the first bytes */
	FI_C_RING_FULL = 13, /* event lost: ring buffer full */
	FI_C_AGG_FULL = 14, /* flow not aggregated: no free aggregate */
	FI_C_OWNER_MISSING = 15, /* flow of a socket whose owner is not known */
	FI_C_LOAD_FAILED = 16, /* classification lost: payload could not be read */
	FI_C_FLOW_NEW = 17, /* flows created */
	FI_C_FLOW_END = 18, /* flows ended */
	FI_C_UNKNOWN = 19, /* flows given up as unknown */
	FI_C_FRAGMENT = 20, /* packets that were IP fragments */
	FI_C_TUNNELLED = 21, /* packets found inside a tunnel */
	FI_C_RULE_DROP = 22, /* unaccounted: dropped by a rule */
	FI_C_RULE_HIDDEN = 23, /* dropped: headers that cannot be followed hide what rules ask for */
	FI_C_REQUEST_RING = 24, /* event of a request lost: ring buffer full */
	FI_C_UNREAD = 25, /* unaccounted: headers could not be read */
	FI_C_BUSY = 26, /* unaccounted: the working memory of the CPU was in use */
	FI_C_TABLE_IN = 27, /* flows put into the tables of the wire view and of unconnected sockets */
	FI_C_TABLE_OUT = 28, /* flows taken out of them at their end */
	FI_C_BUDGET = 29, /* classification lost: flow not looked at further, to keep the CPU budget */
	FI_C_RULE_ANSWER = 30, /* answers to packets that a rule rejects */
	FI_C_RULE_UNANSWERED = 31, /* answers that a rule did not give: above 1,000 a second */
	FI_C_MAX = 32,
};

/* How much is done for flows to keep the CPU budget; each step does less than the one before. Counters are exact in all. */
enum fi_budget_step {
	FI_B_FULL = 0,
	FI_B_FIRST = 1, /* a flow's first packets decide; no changes of protocol are followed */
	FI_B_SAMPLED = 2, /* the same for one new flow in FI_BUDGET_SAMPLE, the others are only counted */
	FI_B_COUNTERS = 3, /* flows are only counted */
	FI_B_MAX = 4,
};

#endif
