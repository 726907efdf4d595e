/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the TCP connections of one aggregate (struct fi_agg_key): kernel program, addon, TypeScript.
 * Rules of layout as in abi.h. */
#ifndef FI_CONNECTION_H
#define FI_CONNECTION_H

#include <linux/types.h>

/* Upper bounds of the histograms' buckets, microseconds; one more bucket takes what is above the last. */
enum fi_conn_bound {
	FI_CONN_US_0 = 50,
	FI_CONN_US_1 = 100,
	FI_CONN_US_2 = 250,
	FI_CONN_US_3 = 500,
	FI_CONN_US_4 = 1000,
	FI_CONN_US_5 = 2500,
	FI_CONN_US_6 = 5000,
	FI_CONN_US_7 = 10000,
	FI_CONN_US_8 = 25000,
	FI_CONN_US_9 = 50000,
	FI_CONN_US_10 = 100000,
	FI_CONN_US_11 = 250000,
	FI_CONN_US_12 = 500000,
	FI_CONN_US_13 = 1000000,
	FI_CONN_US_14 = 5000000,
};
#define FI_CONN_BUCKETS 16

/* Why a connection came to nothing, or broke. */
enum fi_conn_error {
	FI_CE_REFUSED = 0, /* the other host answered with RST to the first packet */
	FI_CE_RESET = 1, /* the other end sent RST */
	FI_CE_ABORTED = 2, /* this end sent RST: closed with bytes unread, or by SO_LINGER */
	FI_CE_TIMEOUT = 3, /* no answer any more */
	FI_CE_UNREACHABLE = 4, /* ICMP said so, or there is no route */
	FI_CE_MAX = 5,
};

struct fi_conn_times {
	__u64 sum_us;
	__u64 bucket[FI_CONN_BUCKETS]; /* samples of each bucket alone, not cumulated */
};

struct fi_conn {
	__u64 errors[5]; /* enum fi_conn_error */
	__u64 retransmits; /* segments sent again, SYN included */
	struct fi_conn_times rtt; /* smoothed round trip as the kernel has it; a sample for each ended connection */
	struct fi_conn_times setup; /* SYN to established; of a server SYN-ACK to ACK */
};
_Static_assert(sizeof(struct fi_conn) == 48 + 2 * 136, "fi_conn");

#endif
