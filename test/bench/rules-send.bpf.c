// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* Sender and yardstick of the rules benchmark. `rules_send` runs over live frames (BPF_PROG_TEST_RUN): it gives each a source
 * address, and sends it through the interface. `rules_empty` drops all that it sees. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Interface; first source address and how many from there on, which come in an order that does not follow the numbers. */
const volatile struct {
	__u32 ifindex;
	__u32 base;
	__u32 count;
} send = { 0, 0, 1 };

__u32 send_next = 0;

SEC("xdp")
int rules_send(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	__u16 *word = (__u16 *)ip;
	__u32 sum = 0;

	if ((void *)(ip + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	send_next += 7919;
	ip->saddr = bpf_htonl(send.base + send_next % send.count);
	ip->check = 0;
#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~sum;
	return bpf_redirect(send.ifindex, 0);
}

SEC("xdp")
int rules_empty(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
