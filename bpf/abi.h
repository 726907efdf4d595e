/* SPDX-License-Identifier: Apache-2.0 */
/* Every struct and enum that crosses a boundary: kernel program, addon, TypeScript.
 *
 * tools/gen-abi.ts reads these layouts from the object's BTF and writes src/gen/abi.ts, so this
 * file is the only place where a layout is written down. Rules: fixed-width members, named
 * pads, no implicit padding (the _Static_assert lines fail when there is any), wire-order
 * members end in _be. Times are nanoseconds of CLOCK_MONOTONIC (replay: of the capture). */
#ifndef FI_ABI_H
#define FI_ABI_H

#include <linux/types.h>

#define FI_ABI_VERSION 1

/* Bytes of one direction that the classifier looks at, from the start of the stream (or of the
 * packet, when joined mid-stream). 512 holds every signature known here, the request line and
 * usual headers of HTTP, and the first HEADERS frame of gRPC clients. A power of two: accessors
 * mask with it. */
#define FI_WINDOW 512
/* Layers of one flow, outermost first: proxy > tls > http2 > grpc is 4. */
#define FI_LAYERS 6
/* Payload bytes that one sample event carries to user space for label extraction. */
#define FI_SAMPLE 1536
#define FI_COMM 16
#define FI_PATH 256
#define FI_ARGS 256

enum fi_confidence { FI_UNKNOWN = 0, FI_PROBABLE = 1, FI_CONFIRMED = 2 };

/* Where a flow was seen. A counter belongs to one view; the views are never summed. */
enum fi_view { FI_VIEW_SOCKET = 1, FI_VIEW_WIRE = 2, FI_VIEW_REPLAY = 3 };

/* Part that the local socket plays: it opened the flow, or it was connected to. */
enum fi_role { FI_ROLE_NONE = 0, FI_ROLE_CLIENT = 1, FI_ROLE_SERVER = 2 };

enum fi_state {
	FI_S_PENDING = 0, /* bytes are still looked at */
	FI_S_WATCH = 1, /* decided; looking for a transition (STARTTLS, Upgrade, CONNECT) */
	FI_S_DONE = 2, /* decided or given up; only counted */
	FI_S_ENDED = 3, /* told to user space as ended */
};

/* Flow flags. */
enum fi_flow_flag {
	FI_F_FLIP = 1, /* the source (who opened) is tuple end 1 */
	FI_F_OPENED = 2, /* opener known for sure: SYN seen, or the socket's own role */
	FI_F_EVIDENCE = 4, /* opener taken from the payload (a server greeting, a reply) */
	FI_F_CLOSED = 8, /* FIN both ways, RST, or the socket was closed */
	FI_F_LABELLED = 16, /* user space has all labels it wants: no more samples */
	FI_F_AGGREGATED = 32, /* moved from slot 0 to the aggregate of its owner and protocol */
	FI_F_FRAGMENT = 64, /* some packet came in IP fragments */
	FI_F_RESET = 128, /* ended by RST */
};

/* Per-end flags. */
enum fi_side_flag {
	FI_D_SYN = 1, /* SYN seen: base is the true start of the stream */
	FI_D_FIN = 2,
	FI_D_BASED = 4, /* base is valid */
	FI_D_SETTLED = 8, /* this end's bytes give no better answer any more */
	FI_D_GAP = 16, /* bytes before the window were missed */
	FI_D_OVERLAP = 32, /* retransmitted bytes overlapped what was already taken */
	FI_D_MID = 64, /* window starts mid-stream: no SYN seen, or not the first try */
	FI_D_KEPT = 128, /* bytes of this end's window are kept in fi_pending */
};

/* One flow's two endpoints. Wire view: end 0 is the lower (address, port). Socket view: end 0 is
 * the local socket. IPv4 is stored as ::ffff:a.b.c.d. zone keeps equal addresses of different
 * networks apart: wire = mix of interface, VLAN tags and tunnel id; socket = network namespace. */
struct fi_tuple {
	__u8 addr[2][16];
	__be16 port_be[2];
	__u32 zone;
	__u8 l4; /* IPPROTO_* */
	__u8 net; /* 4 or 6 */
	__u8 view; /* enum fi_view */
	__u8 pad;
};
_Static_assert(sizeof(struct fi_tuple) == 44, "fi_tuple");

/* What a flow is, and how that is known. */
struct fi_verdict {
	__u16 layer[FI_LAYERS]; /* protocol ids, outermost first; 0 = none */
	__u8 depth; /* layers in use; 0 = unknown */
	__u8 confidence; /* enum fi_confidence, of the innermost layer */
	__u8 sig; /* which signature of that protocol's file matched, from 1 */
	__u8 end; /* tuple end that sent the evidence */
	__u16 offset; /* evidence: byte offset in that end's stream window */
	__u16 packet; /* evidence: payload packet number of that end, from 1 */
	__u8 named; /* index of the layer that names the flow: what the listening service speaks, whatever is inside it */
	__u8 conflicts; /* contradictions seen */
	__u8 revisions; /* times the answer changed after it was first given */
	__u8 fixed; /* layers below the one being decided: no longer in question */
};
_Static_assert(sizeof(struct fi_verdict) == 24, "fi_verdict");

/* One end of a flow: what it sent. */
struct fi_side {
	__u64 packets; /* IP packets; segments of a GSO/GRO packet count one each */
	__u64 bytes; /* IP bytes, header included (innermost IP packet when tunnelled) */
	__u32 base; /* TCP sequence number of the first stream byte known */
	__u32 from; /* the window begins at base + from: bytes before it are done with */
	__u32 have; /* contiguous bytes of the window (may exceed FI_WINDOW) */
	__u16 payload_packets; /* looked at, so never more than the engine's FI_PACKETS */
	__u16 ruled; /* what rules decided for the flow: bpf/taps/rules.h */
	__u16 best; /* best protocol by this end's bytes alone; 0 = none yet */
	__u16 offset; /* its evidence */
	__u16 packet;
	__u16 skip; /* bytes of the window that belong to layers already taken off */
	__u16 over; /* layer that the evidence names as lying below best (h2c: http1) */
	__u8 grade;
	__u8 sig;
	__u8 tries; /* windows given up so far */
	__u8 flags; /* enum fi_side_flag */
	__u8 holes; /* packets since a gap opened in front of the window */
	__u8 ingress; /* wire view: this end's packets enter the interface */
};
_Static_assert(sizeof(struct fi_side) == 48, "fi_side");

/* First bytes of both ends of a flow that is not decided yet; gone once it is. lo..hi is one range that came
 * out of order, beyond the side's `have`. */
struct fi_pending {
	struct {
		__u8 data[FI_WINDOW];
		__u32 lo;
		__u32 hi;
	} end[2];
};

/* The state of one flow, in socket storage, the flow hash and replay. What a packet of a decided flow touches comes first. */
struct fi_flow {
	__u64 last_ns;
	__u32 agg; /* slot in fi_agg; 0 = the slot of flows not decided yet */
	__u16 vlan; /* innermost VLAN id; 0 = none */
	__u8 state; /* enum fi_state */
	__u8 flags; /* enum fi_flow_flag */
	struct fi_side side[2]; /* indexed by tuple end */
	struct fi_verdict verdict;
	__u32 ifindex; /* wire view: interface; replay: interface number of the capture */
	__u32 tunnel; /* VNI, GRE key, TEID … of the innermost tunnel; 0 = none */
	__u64 id; /* socket cookie, or unique number of the tap's CPU */
	__u64 first_ns;
};
_Static_assert(sizeof(struct fi_flow) == 160, "fi_flow");

/* How the owner of a socket is known. */
enum fi_owner_how {
	FI_OWNER_NONE = 0,
	FI_OWNER_CREATED = 1, /* the process that created the socket (or its listener) */
	FI_OWNER_FOUND = 2, /* open before we started: found in a file table */
	FI_OWNER_USED = 3, /* the process that sends or receives on it: strongest */
};

/* Who owns a socket. (pid, start_ns) is unique for the life of the host: a reused pid has
 * another start_ns. */
struct fi_owner {
	__u64 cgroup; /* cgroup v2 id = inode number of its directory */
	__u64 start_ns; /* start of the process, CLOCK_BOOTTIME */
	__u64 exe_ino; /* inode of the executable */
	__u32 exe_dev; /* kernel dev_t of the executable's filesystem */
	__u32 pid; /* thread group id, initial pid namespace */
	__u32 ppid;
	__u32 uid;
	__u32 netns; /* inode number of the network namespace */
	__u32 exec_id; /* counts exec(2) in this process */
	char comm[FI_COMM];
	__u8 how; /* enum fi_owner_how */
	__u8 pad[7];
};
_Static_assert(sizeof(struct fi_owner) == 72, "fi_owner");

enum fi_record_type {
	FI_R_FLOW = 1, /* state of a live flow (from a dump) */
	FI_R_VERDICT = 2, /* first or changed verdict */
	FI_R_END = 3, /* final state of a flow */
	FI_R_SAMPLE = 4, /* payload bytes follow: struct fi_sample */
	FI_R_EXEC = 5, /* struct fi_exec */
	FI_R_CGROUP = 6, /* struct fi_cgroup */
	FI_R_LISTEN = 7, /* struct fi_listen */
	FI_R_DROP = 9, /* struct fi_drop of rules.h */
	FI_R_LABELS = 8, /* user space only: struct fi_label_head and labels follow */
};

/* Head of everything that reaches user space. */
struct fi_head {
	__u16 type; /* enum fi_record_type */
	__u16 pad;
	__u32 size; /* of the whole record, head included */
	__u64 now_ns;
};
_Static_assert(sizeof(struct fi_head) == 16, "fi_head");

/* A flow as user space reads it, from every source: dump, ring buffer, replay. */
struct fi_record {
	struct fi_head head;
	struct fi_tuple tuple;
	__u8 role; /* enum fi_role */
	__u8 pad[3];
	struct fi_flow flow;
	struct fi_owner owner;
};
_Static_assert(sizeof(struct fi_record) == 296, "fi_record");

/* First payload bytes of one end, for label extraction in user space. */
struct fi_sample {
	struct fi_record record;
	__u32 at; /* stream offset of the first byte, from that end's window base */
	__u16 len; /* bytes that follow */
	__u8 end; /* tuple end that sent them */
	__u8 whole; /* 1 = datagram, complete in this sample */
	__u8 data[FI_SAMPLE];
};

/* A socket began to listen: tuple end 0. */
struct fi_listen {
	struct fi_head head;
	struct fi_tuple tuple;
	__u32 pad;
	struct fi_owner owner;
};

/* A program was started. */
struct fi_exec {
	struct fi_head head;
	struct fi_owner owner;
	__u32 path_len; /* both without the terminating zero */
	__u32 args_len;
	char path[FI_PATH]; /* as given to execve(2) */
	char args[FI_ARGS]; /* argv, zero-separated, cut at FI_ARGS */
};

/* A cgroup was made or removed. */
struct fi_cgroup {
	struct fi_head head;
	__u64 id;
	__u8 removed;
	__u8 pad[3];
	__u32 path_len;
	char path[FI_PATH]; /* from the hierarchy's root */
};

/* Key of an aggregate. Socket view: cgroup, executable, uid. Wire view: ifindex. */
struct fi_agg_key {
	__u64 cgroup;
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 uid;
	__u32 ifindex;
	__u16 protocol; /* innermost layer that names the service's protocol; 0 = unknown */
	__u8 l4;
	__u8 role;
	__u8 view;
	__u8 pad[7];
};
_Static_assert(sizeof(struct fi_agg_key) == 40, "fi_agg_key");

/* Aggregate counters, one per CPU. rx/tx are seen from the local socket (wire: from the host). */
struct fi_agg {
	__u64 opened;
	__u64 closed;
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
};

#include "counters.h"

#endif
