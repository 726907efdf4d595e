/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns a socket: its creator, whoever held it when we started, and above all the process that sends or
 * receives on it. A socket that systemd opens, that is passed over a socket, inherited by a worker or kept over
 * exec(2) belongs to the process that uses it. */
#ifndef FI_TAP_OWNER_H
#define FI_TAP_OWNER_H

#include "connection.h"
#include "requests.h"

fi_inline void fi_owner_fill(struct fi_owner *o, struct task_struct *task, __u8 how)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct file *exe = BPF_CORE_READ(task, mm, exe_file);

	o->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	o->start_ns = BPF_CORE_READ(leader, start_boottime);
	o->exe_ino = BPF_CORE_READ(exe, f_inode, i_ino);
	o->exe_dev = BPF_CORE_READ(exe, f_inode, i_sb, s_dev);
	o->pid = BPF_CORE_READ(task, tgid);
	o->ppid = BPF_CORE_READ(leader, real_parent, tgid);
	o->uid = BPF_CORE_READ(task, cred, uid.val);
	o->netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	o->exec_id = BPF_CORE_READ(task, self_exec_id);
	BPF_CORE_READ_STR_INTO(&o->comm, leader, comm);
	o->how = how;
}

SEC("cgroup/sock_create")
int fi_sock_create(struct bpf_sock *sk)
{
	struct fi_owner *o = bpf_sk_storage_get(&fi_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (o)
		fi_owner_fill(o, (struct task_struct *)bpf_get_current_task(), FI_OWNER_CREATED);
	return 1;
}

/* Runs in the context of the process that sends or receives; once per call, so the usual case is two compares. */
fi_inline void fi_used(struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	if (family != AF_INET && family != AF_INET6)
		return;
	struct task_struct *task = bpf_get_current_task_btf();
	struct fi_owner *o = bpf_sk_storage_get(&fi_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!o || (o->how == FI_OWNER_USED && o->pid == (__u32)task->tgid && o->exec_id == (__u32)task->self_exec_id))
		return;
	if (task->flags & PF_KTHREAD)
		return;
	fi_owner_fill(o, task, FI_OWNER_USED);
	o->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

SEC("tp_btf/sock_send_length") /* Linux 6.3 */
int BPF_PROG(fi_sock_send, struct sock *sk, int ret, int flags)
{
	fi_used(sk);
	return 0;
}

SEC("tp_btf/sock_recv_length") /* Linux 6.3 */
int BPF_PROG(fi_sock_recv, struct sock *sk, int ret, int flags)
{
	fi_used(sk);
	return 0;
}

/* Sockets that were open before we started. */
SEC("iter/task_file")
int fi_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (!task || !file || task->flags & PF_KTHREAD)
		return 0;
	struct socket *sock = bpf_sock_from_file(file);

	if (!sock || !sock->sk)
		return 0;
	struct sock *sk = sock->sk;
	__u16 family = sk->__sk_common.skc_family;

	if (family != AF_INET && family != AF_INET6)
		return 0;
	struct fi_owner *o = bpf_sk_storage_get(&fi_owners, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (!o || o->how)
		return 0;
	fi_owner_fill(o, task, FI_OWNER_FOUND);
	o->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	return 0;
}

/* One live flow of a socket for user space. */
SEC("iter/bpf_sk_storage_map")
int fi_dump_sockets(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct sock *sk = ctx->sk;
	struct fi_socket *ss = ctx->value;
	struct seq_file *seq = ctx->meta->seq;
	__u32 zero = 0;

	if (!sk || !ss || !ss->flow.first_ns)
		return 0;
	struct fi_record *r = bpf_map_lookup_elem(&fi_dump_record, &zero);

	if (!r)
		return 0;
	fi_record_fill(r, FI_R_FLOW, sizeof(*r), &ss->tuple, &ss->flow, bpf_sk_storage_get(&fi_owners, sk, 0, 0));
	bpf_seq_write(seq, r, sizeof(*r));
	return 0;
}

/* A TCP flow ends with its socket; a listener is told when it opens. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(fi_state, const struct sock *csk, int oldstate, int newstate)
{
	struct sock *sk = (struct sock *)csk;
	struct fi_owner *o;

	if (newstate == TCP_CLOSE) {
		struct fi_socket *ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);

		if (ss && ss->flow.first_ns && ss->flow.state != FI_S_ENDED) {
			o = bpf_sk_storage_get(&fi_owners, sk, 0, 0);
			fi_flow_end(&ss->flow, &ss->tuple, o);
			fi_conn_closed(sk, ss, oldstate);
			fi_request_end(&ss->flow);
		}
	} else if (newstate == TCP_ESTABLISHED) {
		fi_conn_established(sk, oldstate);
	} else if (newstate == TCP_LISTEN) {
		struct fi_listen *l = bpf_ringbuf_reserve(&fi_ring, sizeof(*l), 0);

		if (!l) {
			FI_COUNT(FI_C_RING_FULL);
			return 0;
		}
		__builtin_memset(l, 0, sizeof(*l));
		l->head.type = FI_R_LISTEN;
		l->head.size = sizeof(*l);
		l->head.now_ns = bpf_ktime_get_ns();
		l->tuple.l4 = FI_TCP;
		l->tuple.view = FI_VIEW_SOCKET;
		l->tuple.port_be[0] = bpf_htons(BPF_CORE_READ(sk, __sk_common.skc_num));
		if (sk->__sk_common.skc_family == AF_INET6) {
			l->tuple.net = 6;
			BPF_CORE_READ_INTO(&l->tuple.addr[0], sk, __sk_common.skc_v6_rcv_saddr);
		} else {
			l->tuple.net = 4;
			l->tuple.addr[0][10] = l->tuple.addr[0][11] = 0xff;
			BPF_CORE_READ_INTO((__be32 *)&l->tuple.addr[0][12], sk, __sk_common.skc_rcv_saddr);
		}
		o = bpf_sk_storage_get(&fi_owners, sk, 0, 0);
		if (o)
			l->owner = *o;
		l->tuple.zone = l->owner.netns;
		bpf_ringbuf_submit(l, 0);
	}
	return 0;
}

/* A UDP socket is closed: its own flow is over (those of other peers expire). */
SEC("cgroup/sock_release")
int fi_sock_release(struct bpf_sock *sk)
{
	if (sk->protocol == FI_TCP)
		return 1;
	struct fi_socket *ss = bpf_sk_storage_get(&fi_sockets, sk, 0, 0);

	if (ss && ss->flow.first_ns && ss->flow.state != FI_S_ENDED)
		fi_flow_end(&ss->flow, &ss->tuple, bpf_sk_storage_get(&fi_owners, sk, 0, 0));
	return 1;
}

/* A program was started: path and arguments, for processes that are gone before anyone looks. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(fi_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct fi_exec *e = bpf_ringbuf_reserve(&fi_ring, sizeof(*e), 0);

	if (!e) {
		FI_COUNT(FI_C_RING_FULL);
		return 0;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->head.type = FI_R_EXEC;
	e->head.size = sizeof(*e);
	e->head.now_ns = bpf_ktime_get_ns();
	fi_owner_fill(&e->owner, task, FI_OWNER_NONE);
	long n = bpf_probe_read_kernel_str(e->path, sizeof(e->path), BPF_CORE_READ(bprm, filename));

	e->path_len = n > 0 ? n - 1 : 0;
	unsigned long start = BPF_CORE_READ(task, mm, arg_start), stop = BPF_CORE_READ(task, mm, arg_end);
	__u32 len = stop - start < FI_ARGS ? (__u32)(stop - start) : FI_ARGS;

	if (stop > start && bpf_probe_read_user(e->args, ((len - 1) & (FI_ARGS - 1)) + 1, (void *)start) == 0)
		e->args_len = len;
	bpf_ringbuf_submit(e, 0);
	return 0;
}

fi_inline void fi_tell_cgroup(struct cgroup *cgrp, const char *path, __u8 removed)
{
	struct fi_cgroup *c = bpf_ringbuf_reserve(&fi_ring, sizeof(*c), 0);

	if (!c) {
		FI_COUNT(FI_C_RING_FULL);
		return;
	}
	__builtin_memset(c, 0, sizeof(*c));
	c->head.type = FI_R_CGROUP;
	c->head.size = sizeof(*c);
	c->head.now_ns = bpf_ktime_get_ns();
	c->id = BPF_CORE_READ(cgrp, kn, id);
	c->removed = removed;
	long n = bpf_probe_read_kernel_str(c->path, sizeof(c->path), path);

	c->path_len = n > 0 ? n - 1 : 0;
	bpf_ringbuf_submit(c, 0);
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(fi_cgroup_mkdir, struct cgroup *cgrp, const char *path)
{
	fi_tell_cgroup(cgrp, path, 0);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(fi_cgroup_rmdir, struct cgroup *cgrp, const char *path)
{
	fi_tell_cgroup(cgrp, path, 1);
	return 0;
}

#endif
