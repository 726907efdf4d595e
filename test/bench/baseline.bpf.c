// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/* What the taps are compared with: programs that do nothing, and programs that only find the flow: parse
 * Ethernet, IPv4 and UDP or TCP with direct packet access, one hash lookup with the same 44-byte key, count. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../../bpf/abi.h"

struct value {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 262144);
	__type(key, struct fi_tuple);
	__type(value, struct value);
} bare_flows SEC(".maps");

SEC("xdp")
int bare_xdp_empty(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("cgroup_skb/egress")
int bare_cgroup_empty(struct __sk_buff *skb)
{
	return 1;
}

SEC("tc")
int bare_tc_empty(struct __sk_buff *skb)
{
	return -1;
}

static __attribute__((always_inline)) void count(const struct fi_tuple *key, __u64 bytes)
{
	struct value *v = bpf_map_lookup_elem(&bare_flows, key);

	if (!v) {
		struct value fresh = { 1, bytes };

		bpf_map_update_elem(&bare_flows, key, &fresh, BPF_ANY);
		return;
	}
	__sync_fetch_and_add(&v->packets, 1);
	__sync_fetch_and_add(&v->bytes, bytes);
}

static __attribute__((always_inline)) void bare(void *data, void *end)
{
	struct fi_tuple key = {};
	struct ethhdr *eth = data;
	struct iphdr *ip = data + sizeof(*eth);
	struct tcphdr *l4 = (void *)(ip + 1);

	if ((void *)(l4 + 1) > end || eth->h_proto != bpf_htons(ETH_P_IP))
		return;
	__builtin_memcpy(&key.addr[0][12], &ip->saddr, 4);
	__builtin_memcpy(&key.addr[1][12], &ip->daddr, 4);
	key.port_be[0] = l4->source;
	key.port_be[1] = l4->dest;
	key.l4 = ip->protocol;
	count(&key, end - data);
}

SEC("xdp")
int bare_xdp_lookup(struct xdp_md *ctx)
{
	bare((void *)(long)ctx->data, (void *)(long)ctx->data_end);
	return XDP_PASS;
}

SEC("tc")
int bare_tc_lookup(struct __sk_buff *skb)
{
	bare((void *)(long)skb->data, (void *)(long)skb->data_end);
	return -1;
}

/* The same from the IP header on, as a cgroup program sees packets. */
SEC("cgroup_skb/egress")
int bare_cgroup_lookup(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;
	struct udphdr *l4 = (void *)(ip + 1);
	struct fi_tuple key = {};

	if ((void *)(l4 + 1) > end || ip->version != 4)
		return 1;
	__builtin_memcpy(&key.addr[0][12], &ip->saddr, 4);
	__builtin_memcpy(&key.addr[1][12], &ip->daddr, 4);
	key.port_be[0] = l4->source;
	key.port_be[1] = l4->dest;
	key.l4 = ip->protocol;
	count(&key, skb->len);
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
