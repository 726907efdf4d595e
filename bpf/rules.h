/* SPDX-License-Identifier: Apache-2.0 */
/* Drop rules: the tables that src/rules/compile.ts writes and the programs read. Aggregated bit vectors: each field of a
 * packet leads to a row, the set of rules that this field's value does not rule out, in the order of the rules. The first
 * bit that is set in all rows is the rule that decides. A row has a summary, one bit a word, so that only words that may
 * have a common bit are read: the cost grows with the fields that rules use, hardly with the rules. Equal rows are
 * stored once.
 *
 * Layouts are read by tools/gen-abi.mjs like those of abi.h. Two banks: a set is written into the one that is not in
 * use, then one word, fi_rules_switch.generation, puts it in force. */
#ifndef FI_RULES_H
#define FI_RULES_H

#include "abi.h"

/* 255 words of a row, so that a rule's number fits into a flow's marks with room to spare. */
#define FI_RULES_MAX 16320
#define FI_ROW_WORDS 256
#define FI_ROW_SUMS 4

struct fi_rule_row {
	__u64 sum[FI_ROW_SUMS]; /* bit w: word w is not 0 */
	__u64 word[FI_ROW_WORDS]; /* bit b of word w: rule 64 w + b */
};
_Static_assert(sizeof(struct fi_rule_row) == 2080, "fi_rule_row");

/* The row of every rule: for fields that no rule uses. */
#define FI_ROW_ONES 0

/* Fields that have one row each for a packet. */
enum fi_rule_field {
	FI_RF_KIND = 0, /* which rules take part at all: enum fi_rule_kind */
	FI_RF_LINK = 1, /* interface and direction */
	FI_RF_L4 = 2, /* IP version, transport, way of replies */
	FI_RF_SRC = 3,
	FI_RF_DST = 4,
	FI_RF_SPORT = 5,
	FI_RF_DPORT = 6,
	FI_RF_FLAGS = 7,
	FI_RF_VLAN = 8,
	FI_RF_PROTO = 9, /* layer that names the flow */
	FI_RF_CONF = 10,
	FI_RF_ROWS = 11,
	FI_RF_LAYER_ANY = 11, /* any of the flow's layers: one row a layer, joined by OR */
	FI_RF_LAYER_NONE = 12, /* none of them: one row a layer, joined by AND */
	/* rarely asked for: read only where the others leave something (struct fi_rules_work.rare) */
	FI_RF_RARE = 13,
	FI_RF_ICMP = 13,
	FI_RF_LENGTH = 14,
	FI_RF_TUNNEL = 15,
	FI_RF_END = 16,
};
#define FI_RULES_RARE (FI_RF_END - FI_RF_RARE)

/* Keyed: says something of protocol, layers or confidence. */
enum fi_rule_kind {
	FI_RK_ACT = 0, /* rules that act */
	FI_RK_AUDIT = 1, /* rules that only count */
	FI_RK_ACT_PACKET = 2, /* those of them that packets alone decide */
	FI_RK_AUDIT_PACKET = 3,
	FI_RK_WAIT = 4, /* rules that act, do not drop and are keyed or of FI_RK_FLOW: what comes behind waits for the verdict */
	FI_RK_FLOW = 5, /* rules that act on flows that user space gives them: no packet meets them, they are in no kind above but WAIT */
	FI_RK_FLOW_AUDIT = 6, /* those that only count */
	FI_RK_KINDS = 7,
};

/* Where each field's part of the small table begins; an entry is the number of a row. */
enum fi_rule_small {
	FI_SMALL_SPORT = 0,
	FI_SMALL_DPORT = 65536,
	FI_SMALL_L4 = 131072, /* + 512 for the way of replies + 256 for IPv6 + IP protocol */
	FI_SMALL_FLAGS = 132096, /* + TCP flags */
	FI_SMALL_VLAN = 132352, /* + id; 0 = untagged */
	FI_SMALL_PROTO = 136448, /* + protocol id; 0 = given up as unknown */
	FI_SMALL_CONF = 136704, /* + enum fi_confidence, + 3 when the verdict is settled */
	FI_SMALL_LAYER_ANY = 136712, /* + protocol id */
	FI_SMALL_LAYER_NONE = 136968,
	FI_SMALL_LENGTH = 137224, /* + bytes of the IP packet */
	FI_SMALL_ICMP = 202760, /* + 256 for ICMPv6 + type */
	FI_SMALL_SIZE = 203272,
};

enum fi_rules_flag {
	FI_RULES_AUDITS = 1, /* some rule only counts */
	FI_RULES_WAITS = 2, /* some rule is of FI_RK_WAIT */
	FI_RULES_DEEP = 4, /* some rule that drops looks behind the IP header: what hides it is dropped */
	FI_RULES_SYN = 8, /* rules that look at TCP flags all ask for SYN */
	FI_RULES_REJECTS = 16, /* some rule answers what it drops */
};

struct fi_rules_head {
	__u32 rules;
	__u32 used; /* bit by enum fi_rule_field: some rule looks at it */
	__u32 flags; /* enum fi_rules_flag */
	__u32 drop; /* row of the rules that drop */
	__u32 kind[FI_RK_KINDS]; /* rows */
	__u32 link[2]; /* rows of interfaces that no rule names: on the way in, out */
	__u32 no_port[2]; /* rows of packets without a source, destination port */
	__u32 no_flags; /* row of packets that are not TCP */
	__u32 no_layer; /* row of rules that ask for no layer */
	__u32 firm; /* rules before this one depend on a packet's headers alone and act */
	__u32 limit; /* row of the rules that have a rate */
	__u32 fleeting; /* row of the rules whose verdict of one packet says nothing of the next: they have a rate, or expire */
	__u32 epochs; /* struct fi_rules_epoch there are; 0 = no rule expires, kind holds for ever */
	__u32 no_icmp; /* row of packets that are not ICMP */
	__u32 tunnel; /* row of tunnels that no rule names */
	__u32 reject; /* row of the rules that answer what they drop; with FI_RULES_REJECTS */
};
_Static_assert(sizeof(struct fi_rules_head) == 96, "fi_rules_head");

/* Values of fields that are too wide for the small table, each with its row. */
struct fi_rule_exact {
	__u32 field; /* FI_RF_LINK, FI_RF_ICMP or FI_RF_TUNNEL */
	__u32 value; /* ifindex * 2 + 1 on the way out; ICMP: 65536 for ICMPv6 + type * 256 + code; a tunnel's id */
};

/* Rules expire by the kernel's clock, whether the daemon lives or not: until each of these times its rows are those of
 * fi_rules_head.kind. In order; the last one has no end. */
#define FI_RULES_EPOCHS 257
struct fi_rules_epoch {
	__u64 until_ns; /* CLOCK_MONOTONIC */
	__u32 kind[FI_RK_KINDS];
	__u32 pad;
};
_Static_assert(sizeof(struct fi_rules_epoch) == 40, "fi_rules_epoch");

/* What a rule lets pass, by rule. A packet takes cost = units * FI_LIMIT_SECOND / rate of time; `spent` is the time up to which
 * all is taken, and may run ahead of the clock by `burst`. In ticks of a nanosecond's part: a byte of a high rate costs less
 * than one. */
#define FI_LIMIT_TICKS 64
#define FI_LIMIT_SECOND (1000000000ull * FI_LIMIT_TICKS)
enum fi_limit_flag {
	FI_LIMIT_BYTES = 1, /* else packets */
	FI_LIMIT_SOURCE = 2, /* each source address on its own */
};
struct fi_rule_limit {
	__u64 spent;
	__u64 rate; /* units a second; 0 = the rule has none */
	__u64 burst; /* ticks */
	__u32 flags; /* enum fi_limit_flag */
	__u32 pad;
};
_Static_assert(sizeof(struct fi_rule_limit) == 32, "fi_rule_limit");

/* Source addresses that limits are kept for; more of them push out those silent for longest, which begin with all of their
 * burst when they come again. */
#define FI_LIMIT_SOURCES 65536
struct fi_limit_source {
	__u8 addr[16];
	__u32 rule;
	__u32 pad;
};

/* The one word that puts a set in force. Bank = generation & 1. The first two keep their place in all versions: the next one
 * reads there whether rules were switched off. */
struct fi_rules_switch {
	__u32 generation; /* 1 to 65535; 0 = no rules */
	__u32 last; /* the highest there was: also when rules were switched off or rolled back */
	__u32 before; /* in force again from until_ns on: the set on trial was not confirmed */
	__u32 pad;
	__u64 until_ns; /* CLOCK_MONOTONIC; 0 = for good */
};

/* Longest-prefix tries of addresses. prefix counts the bits of net and addr. */
struct fi_rule_prefix {
	__u32 prefix; /* 8 + length */
	__u8 net; /* 4 or 6 */
	__u8 addr[16]; /* IPv4: the first four bytes */
	__u8 pad[3];
};
_Static_assert(sizeof(struct fi_rule_prefix) == 24, "fi_rule_prefix");

/* Per rule and CPU. */
struct fi_rule_hits {
	__u64 packets;
	__u64 bytes; /* of IP packets */
	__u64 last_ns;
	__u64 told_ns; /* when a struct fi_drop was sent last */
	__u64 dropped; /* packets */
	__u64 flows; /* that began with a packet of the rule, or were known when it took them over */
};

/* All that rules can ask of one packet. */
struct fi_rule_packet {
	__u8 addr[2][16]; /* source, destination, as in fi_tuple */
	__u16 port[2];
	__u32 ifindex;
	__u16 vlan;
	__u8 net;
	__u8 l4;
	__u8 egress;
	__u8 has_ports;
	__u8 has_flags; /* TCP, and the header is in this packet */
	__u8 tcp_flags;
	__u8 pending; /* the verdict may change still */
	__u8 depth; /* layers known of its flow; 0 and pending: nothing known yet */
	__u8 confidence;
	__u8 reply; /* comes from the end that did not open the flow */
	__u16 named; /* protocol id of the layer that names the flow */
	__u16 layer[FI_LAYERS];
	__u16 length; /* of the IP packet, 65535 = and more */
	__u16 icmp; /* type * 256 + code */
	__u8 has_icmp; /* ICMP or ICMPv6, and the header is in this packet */
	__u8 reserved;
	__u64 now_ns; /* CLOCK_MONOTONIC; set when the set has epochs */
	__u32 tunnel; /* id of the tunnel that it is in, or that it carries; 0 = none */
	__u32 taken; /* its flow was given to a rule: that rule's number, from 1; 0 = none */
};
_Static_assert(sizeof(struct fi_rule_packet) == 88, "fi_rule_packet");

/* What becomes of a flow. */
enum fi_decide {
	FI_DECIDE_DROP = 0, /* dropped for its life, whatever rules say of its packets */
	FI_DECIDE_TAKE = 1, /* its packets meet the rule, which decides of them what no rule in front of it does */
	FI_DECIDE_AUDIT = 2, /* the same, unless it was given to another rule: then the flow is only counted */
	FI_DECIDE_REJECT = 3, /* as DROP, and its packets are answered */
};
/* Answers of fi_rule_flow. */
enum fi_decided {
	FI_DECIDED_NOT = 0, /* there is no such flow, or another set is in force by now */
	FI_DECIDED_NOW = 1,
	FI_DECIDED_LATER = 2, /* by fi_rule_sockets, which is to be run */
};

/* What user space asks of the program fi_rule_flow: this flow is given to this rule of this set. */
struct fi_decision {
	struct fi_tuple tuple; /* as in the flow's record */
	__u32 generation;
	__u32 rule;
	__u32 how; /* enum fi_decide */
	__u64 id; /* of the flow: that of a socket is found by it */
};
_Static_assert(sizeof(struct fi_decision) == 64, "fi_decision");
/* What rules of headers dropped of late, bpf/taps/drops.h: per CPU, empty with a new set. In pages, since an element for each
 * would take long to allocate. */
#define FI_DROPPED_PAGES 512
#define FI_DROPPED_PAGE 64
#define FI_DROPPED_WAYS 4
#define FI_DROPPED_END 1 /* in tuple.pad: tuple end that sent it */
#define FI_DROPPED_INGRESS 2
struct fi_dropped {
	struct fi_tuple tuple; /* pad: FI_DROPPED_* */
	__u16 generation;
	__u16 rule;
};
struct fi_dropped_page {
	struct fi_dropped each[FI_DROPPED_PAGE];
};
_Static_assert(sizeof(struct fi_dropped_page) == 3072, "fi_dropped_page");

#define FI_RULE_NONE 0xffffffffu

/* What the rules say of it. */
struct fi_rule_verdict {
	__u32 rule; /* that decides; FI_RULE_NONE = none */
	__u32 audit; /* that only counts, in front of it; FI_RULE_NONE = none */
	__u32 drop;
	__u32 waits; /* a rule that passes may yet match: passed for now */
};

/* A packet was dropped, or would have been: about one a second and rule. */
struct fi_drop {
	struct fi_head head;
	struct fi_tuple tuple;
	__u32 rule;
	__u32 generation;
	__u32 ifindex;
	struct fi_verdict verdict; /* of its flow; depth 0 when packets alone decided */
	__u16 length;
	__u8 end; /* tuple end that sent it */
	__u8 audit; /* was let go on */
	__u8 tcp_flags;
	__u8 pad[3];
};
_Static_assert(sizeof(struct fi_drop) == 104, "fi_drop");

#endif
