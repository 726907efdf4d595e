/* SPDX-License-Identifier: Apache-2.0 */
#include "probe.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <linux/if_ether.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <fstream>
#include <sstream>

#include "error.h"
#include "handles.h"

namespace flowident {

namespace {

/* r0 = value; exit */
struct Tiny {
	bpf_insn insns[2] = {};

	explicit Tiny(int value)
	{
		insns[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
		insns[0].imm = value;
		insns[1].code = BPF_JMP | BPF_EXIT;
	}
};

ProbeResult result(const std::string &feature, int err, const std::string &detail)
{
	return {feature, err == 0, err < 0 ? -err : err, detail};
}

Fd load(bpf_prog_type type, bpf_attach_type attach, int value, int btf_id = 0)
{
	Tiny program(value);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = attach, .attach_btf_id = static_cast<uint32_t>(btf_id));

	return Fd(bpf_prog_load(type, "fi_probe", "GPL", program.insns, 2, &opts));
}

ProbeResult loads(const std::string &feature, bpf_prog_type type, bpf_attach_type attach, int value)
{
	Fd fd = load(type, attach, value);

	return result(feature, fd ? 0 : errno, fd ? "loads" : "");
}

/* Programs that attach to something in the kernel's BTF; `attached`: by raw_tracepoint_open, and let go at once. */
ProbeResult traces(const std::string &feature, bpf_prog_type type, bpf_attach_type attach, const char *target, bool attached)
{
	int id = libbpf_find_vmlinux_btf_id(target, attach);

	if (id < 0)
		return result(feature, id, std::string(target) + " is not in the kernel's BTF");
	Fd fd = load(type, attach, 0, id);

	if (!fd)
		return result(feature, errno, "load");
	Fd link(attached ? bpf_raw_tracepoint_open(nullptr, fd.get()) : -1);

	return result(feature, !attached || link ? 0 : errno, !attached ? "loads" : link ? "loads and attaches" : "loads, but does not attach");
}

ProbeResult tcx()
{
	Fd fd = load(BPF_PROG_TYPE_SCHED_CLS, static_cast<bpf_attach_type>(0), -1); /* -1: on to the next program */

	if (!fd)
		return result("tcx", errno, "load");
	/* Loopback's egress, for the moment until the link is closed. */
	Fd link(bpf_link_create(fd.get(), 1, static_cast<bpf_attach_type>(47), nullptr));

	return result("tcx", link ? 0 : errno, link ? "loads and attaches" : "");
}

ProbeResult socketFilter()
{
	Fd fd = load(BPF_PROG_TYPE_SOCKET_FILTER, static_cast<bpf_attach_type>(0), 0);

	if (!fd)
		return result("socket filter", errno, "load");
	Fd packet(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
	int prog = fd.get();

	if (!packet)
		return result("socket filter", errno, "packet socket");
	int err = setsockopt(packet.get(), SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ? errno : 0;

	return result("socket filter", err, err ? "attach" : "loads and attaches");
}

ProbeResult ring()
{
	Fd fd(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "fi_probe", 0, 0, 1 << 16, nullptr));

	return result("ring buffer", fd ? 0 : errno, "");
}

ProbeResult storage()
{
	struct BtfFree {
		void operator()(btf *b) const { btf__free(b); }
	};
	std::unique_ptr<btf, BtfFree> types(btf__new_empty());
	int id = types ? btf__add_int(types.get(), "int", 4, BTF_INT_SIGNED) : -ENOMEM;
	int err = id < 0 ? id : btf__load_into_kernel(types.get());

	if (err)
		return result("socket storage", err, "BTF of its key and value");
	LIBBPF_OPTS(bpf_map_create_opts, opts, .btf_fd = static_cast<uint32_t>(btf__fd(types.get())), .btf_key_type_id = static_cast<uint32_t>(id),
		    .btf_value_type_id = static_cast<uint32_t>(id), .map_flags = BPF_F_NO_PREALLOC | BPF_F_CLONE);
	Fd fd(bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "fi_probe", 4, 4, 0, &opts));

	return result("socket storage", fd ? 0 : errno, "");
}

ProbeResult batches()
{
	Fd fd(bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "fi_probe", 4, 4, 8, nullptr));
	uint32_t cursor[2] = {}, keys[8], values[8], n = 8;

	if (!fd)
		return result("batched map reads", errno, "LRU hash map");
	int err = bpf_map_lookup_batch(fd.get(), nullptr, cursor, keys, values, &n, nullptr);

	return result("batched map reads", err && errno != ENOENT ? errno : 0, "");
}

ProbeResult capabilities()
{
	/* linux/capability.h, PERFMON and BPF since Linux 5.8 */
	static const struct {
		int bit;
		const char *name;
	} kWanted[] = {{39, "BPF"}, {12, "NET_ADMIN"}, {38, "PERFMON"}};
	std::ifstream status("/proc/self/status");
	std::string line, missing;
	uint64_t have = 0;

	while (std::getline(status, line))
		if (line.starts_with("CapEff:"))
			have = strtoull(line.c_str() + 7, nullptr, 16);
	for (const auto &w : kWanted)
		if (!(have >> w.bit & 1) && !(have >> 21 & 1 && w.bit > 37)) /* SYS_ADMIN includes BPF and PERFMON */
			missing += (missing.empty() ? "missing: CAP_" : ", CAP_") + std::string(w.name);
	return result("capabilities", missing.empty() ? 0 : EPERM, missing.empty() ? "BPF, NET_ADMIN, PERFMON" : missing);
}

ProbeResult lockdown()
{
	std::ifstream file("/sys/kernel/security/lockdown");
	std::string line;

	if (!std::getline(file, line))
		return result("lockdown", 0, "not known: securityfs is not mounted, or the kernel has none");
	size_t from = line.find('['), to = line.find(']');
	std::string mode = from < to && to != std::string::npos ? line.substr(from + 1, to - from - 1) : line;

	/* confidentiality takes reading of kernel memory away, which owners need */
	return result("lockdown", mode == "confidentiality" ? EPERM : 0, mode);
}

ProbeResult cgroup2()
{
	std::ifstream mounts("/proc/self/mountinfo");
	std::string line;

	while (std::getline(mounts, line)) {
		size_t dash = line.find(" - cgroup2 ");

		if (dash == std::string::npos)
			continue;
		std::istringstream words(line);
		std::string word;

		for (int i = 0; i < 5; i++)
			words >> word;
		return result("cgroup2 mount", 0, word);
	}
	return result("cgroup2 mount", ENOENT, "no cgroup v2 file system is mounted");
}

ProbeResult bpffs()
{
	struct statfs fs = {};
	int err = statfs("/sys/fs/bpf", &fs) ? errno : 0;

	if (!err && static_cast<uint32_t>(fs.f_type) != 0xcafe4a11)
		err = ENOENT;
	return result("bpffs", err, err ? "not mounted on /sys/fs/bpf" : "/sys/fs/bpf");
}

ProbeResult kernelBtf()
{
	int err = access("/sys/kernel/btf/vmlinux", R_OK) ? errno : 0;

	return result("kernel btf", err, err ? "/sys/kernel/btf/vmlinux cannot be read" : "/sys/kernel/btf/vmlinux");
}

/* An atomic addition that gives the value before it: every program of ours that counts or takes turns has one. */
ProbeResult atomics()
{
	bpf_insn insns[5] = {};

	insns[0].code = BPF_ST | BPF_MEM | BPF_DW; /* *(u64 *)(r10 - 8) = 0 */
	insns[0].dst_reg = BPF_REG_10;
	insns[0].off = -8;
	insns[1].code = BPF_ALU64 | BPF_MOV | BPF_K; /* r1 = 1 */
	insns[1].dst_reg = BPF_REG_1;
	insns[1].imm = 1;
	insns[2].code = BPF_STX | BPF_ATOMIC | BPF_DW; /* r1 = fetch_add((u64 *)(r10 - 8), r1) */
	insns[2].dst_reg = BPF_REG_10;
	insns[2].src_reg = BPF_REG_1;
	insns[2].off = -8;
	insns[2].imm = BPF_ADD | BPF_FETCH;
	insns[3].code = BPF_ALU64 | BPF_MOV | BPF_K; /* r0 = 0 */
	insns[4].code = BPF_JMP | BPF_EXIT;
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	Fd fd(bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "fi_probe", "GPL", insns, 5, &opts));

	return result("atomic instructions", fd ? 0 : errno, fd ? "loads" : "");
}

} // namespace

std::vector<ProbeResult> probe()
{
	LogCapture quiet;
	std::vector<ProbeResult> all;

	all.push_back(capabilities());
	all.push_back(kernelBtf());
	all.push_back(lockdown());
	all.push_back(cgroup2());
	all.push_back(bpffs());
	all.push_back(ring());
	all.push_back(atomics());
	all.push_back(storage());
	all.push_back(batches());
	all.push_back(loads("cgroup_skb", BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, 1));
	all.push_back(loads("cgroup/sock_create", BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE, 1));
	all.push_back(loads("xdp", BPF_PROG_TYPE_XDP, BPF_XDP, 2));
	all.push_back(tcx());
	all.push_back(loads("clsact", BPF_PROG_TYPE_SCHED_CLS, static_cast<bpf_attach_type>(0), -1));
	all.push_back(socketFilter());
	all.push_back(traces("tp_btf", BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, "inet_sock_set_state", true));
	all.push_back(traces("iter/task_file", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "task_file", false));
	all.push_back(traces("iter/bpf_sk_storage_map", BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, "bpf_sk_storage_map", false));
	all.push_back(traces("fentry", BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, "tcp_connect", true));
	all.push_back(traces("lsm", BPF_PROG_TYPE_LSM, BPF_LSM_MAC, "socket_bind", true));
	return all;
}

} // namespace flowident
