/* SPDX-License-Identifier: Apache-2.0 */
/* The few kernel structs that are read, as CO-RE views: only the members used, found by name in the running kernel's
 * BTF. Everything that differs between kernels belongs here, with the version named. */
#ifndef FI_KERNEL_H
#define FI_KERNEL_H

#include <linux/bpf.h>
#include <linux/in6.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define FI_CORE __attribute__((preserve_access_index))

#define FI_MAP(name, kind, entries, keytype, valuetype, mapflags)                                  \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(max_entries, entries);                                                      \
		__uint(map_flags, mapflags);                                                       \
		__type(key, keytype);                                                              \
		__type(value, valuetype);                                                          \
	} name SEC(".maps")

#define AF_INET 2
#define AF_INET6 10
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define PF_KTHREAD 0x00200000

struct ns_common {
	unsigned int inum;
} FI_CORE;
struct net {
	struct ns_common ns;
} FI_CORE;
typedef struct {
	struct net *net;
} possible_net_t;
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
} FI_CORE;
struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	int sk_err;
} FI_CORE;
struct tcp_sock {
	__u32 srtt_us; /* eighths of a microsecond */
	__u32 total_retrans;
} FI_CORE;
struct socket {
	struct sock *sk;
} FI_CORE;
struct super_block {
	__u32 s_dev;
} FI_CORE;
struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
} FI_CORE;
struct file {
	struct inode *f_inode;
} FI_CORE;
struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
} FI_CORE;
struct nsproxy {
	struct net *net_ns;
} FI_CORE;
struct kernfs_node {
	__u64 id;
} FI_CORE;
struct cgroup {
	struct kernfs_node *kn;
} FI_CORE;
struct css_set {
	struct cgroup *dfl_cgrp;
} FI_CORE;
typedef struct {
	__u32 val;
} kuid_t;
struct cred {
	kuid_t uid;
} FI_CORE;
struct task_struct {
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	const struct cred *cred;
	__u64 start_boottime; /* 5.5 */
	__u32 self_exec_id;
	char comm[16];
	unsigned int flags;
} FI_CORE;
struct linux_binprm {
	const char *filename;
} FI_CORE;
struct bpf_iter_meta {
	struct seq_file *seq;
} FI_CORE;
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
} FI_CORE;
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
} FI_CORE;
struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
} FI_CORE;

#endif
