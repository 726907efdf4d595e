#!/usr/bin/env bash
# Makes what rules.ts measures in: a network namespace that ends with this process, a veth pair in it, the receiving end's
# packets handled by a kernel thread on a CPU of its own. Root; two CPUs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ "${1:-}" != inside ]; then
  mkdir -p build/bench
  clang=$(command -v clang-19 || command -v clang)
  "$clang" -target bpf -mcpu=v3 -O2 -g -I"/usr/include/$(uname -m)-linux-gnu" -c test/bench/rules-send.bpf.c -o build/bench/rules-send.bpf.o
  cc -O2 -Wall -o build/bench/rules-send test/bench/rules-send.c -lbpf
  exec unshare --net --mount bash test/bench/rules.sh inside
fi
mount -t sysfs sysfs /sys
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
ip link add tx0 numrxqueues 1 numtxqueues 1 type veth peer name rx0 numrxqueues 1 numtxqueues 1
ip link set tx0 up
ip link set rx0 up
ip address add 198.18.0.1/24 dev rx0
# With GRO the receiving end takes frames without an XDP program of its own, as a network card would give them.
ethtool -K rx0 gro on
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.rx0.rp_filter=0 net.ipv6.conf.all.disable_ipv6=1
echo 1 >/sys/class/net/rx0/threaded
thread=
for _ in $(seq 50); do
  thread=$(pgrep -n '^napi/rx0-' || true)
  [ -n "$thread" ] && break
  sleep 0.1
done
taskset -pc 1 "$thread" >/dev/null
node --import tsx test/bench/rules-load.ts
exec node --import tsx test/bench/rules.ts tx0 rx0 "$thread"
