#!/usr/bin/env bash
# Resident memory and CPU of an idle daemon; nginx + wrk with and without it, taking turns.
set -euo pipefail
dir=$(mktemp -d)
trap 'kill "${nginx:-}" "${daemon:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
printf 'listen: ["unix:%s/s"]\nwire:\n  interfaces: none\n' "$dir" >"$dir/c.yaml"
start() {
  node dist/main.js run --config "$dir/c.yaml" >"$dir/log" 2>&1 &
  daemon=$!
  for _ in $(seq 150); do grep -q '"ready"' "$dir/log" && return; sleep 0.2; done
  cat "$dir/log" >&2
  return 1
}
stop() { kill "$daemon"; wait "$daemon" 2>/dev/null || true; daemon=; }
ticks() { awk '{print $14 + $15}' "/proc/$daemon/stat"; }
start
sleep 5
before=$(ticks)
sleep 20
after=$(ticks)
printf 'Idle for 20 s: %s MB resident, %s %% of one CPU.\n' "$(awk '/VmRSS/{printf "%.0f", $2 / 1024}' "/proc/$daemon/status")" \
  "$(awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" 'BEGIN{printf "%.2f", t / hz / 20 * 100}')"
stop
command -v wrk >/dev/null && command -v nginx >/dev/null || { echo 'nginx or wrk is not installed: that part is left out'; exit 0; }
mkdir "$dir/www" && head -c 1024 /dev/zero | tr '\0' x >"$dir/www/f"
cat >"$dir/nginx.conf" <<N
worker_processes 1; daemon off; pid $dir/pid; error_log $dir/err; events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 127.0.0.1:18880; root $dir/www; } }
N
nginx -c "$dir/nginx.conf" &
nginx=$!
sleep 1
# Nanoseconds that our programs have run, all together.
run_ns() { bpftool -j prog show | python3 -c 'import json, sys; print(sum(p.get("run_time_ns", 0) for p in json.load(sys.stdin) if p.get("name", "").startswith("fi_")))'; }
load() { wrk -t1 -c32 -d4s "$@" http://127.0.0.1:18880/f | awk '/Requests\/sec/{print $2}'; }
for kind in keep-alive 'new connection a request'; do
  header=()
  [ "$kind" = keep-alive ] || header=(-H 'Connection: close')
  for _ in 1 2 3 4 5; do
    a=$(load "${header[@]}")
    start
    b=$(load "${header[@]}")
    stop
    awk -v a="$a" -v b="$b" 'BEGIN{print b / a}'
  done | sort -n | awk -v k="$kind" '{v[NR] = $1} END {printf "nginx + wrk, %s: with the daemon %.3f of the requests/s without it (median of %d pairs; %.3f to %.3f).\n", k, v[int((NR + 1) / 2)], NR, v[1], v[NR]}'
  start
  stats=$(sysctl -n kernel.bpf_stats_enabled)
  sysctl -q kernel.bpf_stats_enabled=1
  before=$(run_ns) cpu=$(ticks)
  load "${header[@]}" >/dev/null
  after=$(run_ns) spent=$(ticks)
  sysctl -q kernel.bpf_stats_enabled="$stats"
  stop
  awk -v k="$kind" -v ns=$((after - before)) -v cpus="$(nproc)" -v t=$((spent - cpu)) -v hz="$(getconf CLK_TCK)" \
    'BEGIN {printf "nginx + wrk, %s: the programs ran %.1f %% of the CPU time, the daemon %.1f %%.\n", k, ns / 4e7 / cpus, t / hz / 4 / cpus * 100}'
done
