/* SPDX-License-Identifier: Apache-2.0 */
/* What the addon is told of flows whose requests are measured: one event a packet with payload, and one at the flow's end.
 * Crosses to native/ only; JavaScript sees the sums. Rules of layout as in abi.h. */
#ifndef FI_REQUESTS_H
#define FI_REQUESTS_H

#include <linux/types.h>

/* Most payload bytes of an event; a power of two. */
#define FI_REQUEST_DATA 4096
#define FI_REQUEST_TAIL 8

enum fi_request_kind { FI_RQ_NONE = 0, FI_RQ_HTTP1 = 1, FI_RQ_DNS = 2, FI_RQ_REDIS = 3 };

enum fi_request_flag {
	FI_RQ_OPENER = 1, /* sent by the end that opened the flow: a request */
	FI_RQ_END = 2, /* the flow is over; no payload */
};

struct fi_request_event {
	__u64 flow;
	__u64 now_ns;
	__u32 seq; /* TCP: of the first payload byte */
	__u32 ack; /* TCP: the next byte it expects of the other end */
	__u32 len; /* payload bytes of the packet */
	__u32 agg; /* slot of the flow's aggregate; 0 = not decided yet */
	__u16 kept; /* payload bytes that follow */
	__u8 kind; /* enum fi_request_kind */
	__u8 flags; /* enum fi_request_flag */
	__u32 pad;
	__u8 tail[FI_REQUEST_TAIL]; /* the packet's last bytes, at the end of the array; 0 in front of them when it has fewer */
	__u8 data[FI_REQUEST_DATA];
};
_Static_assert(__builtin_offsetof(struct fi_request_event, data) == 48, "fi_request_event");

#endif
