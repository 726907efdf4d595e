#!/usr/bin/env bash
# nginx + wrk with the daemon, requests measured and not, taking turns; and whether every request of wrk was counted.
set -euo pipefail
command -v wrk >/dev/null && command -v nginx >/dev/null || { echo 'nginx or wrk is not installed: this is left out'; exit 0; }
dir=$(mktemp -d)
trap 'kill "${nginx:-}" "${daemon:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT
for enabled in true false; do
  printf 'listen: ["unix:%s/s"]\nwire:\n  interfaces: none\nkeep:\n  enabled: false\nrequests:\n  enabled: %s\n' "$dir" $enabled >"$dir/$enabled.yaml"
done
start() {
  node dist/main.js run --config "$dir/$1.yaml" >"$dir/log" 2>&1 &
  daemon=$!
  for _ in $(seq 150); do grep -q '"ready"' "$dir/log" && return; sleep 0.2; done
  cat "$dir/log" >&2
  return 1
}
stop() { kill "$daemon"; wait "$daemon" 2>/dev/null || true; daemon=; }
ticks() { awk '{print $14 + $15}' "/proc/$daemon/stat"; }
run_ns() { bpftool -j prog show | python3 -c 'import json, sys; print(sum(p.get("run_time_ns", 0) for p in json.load(sys.stdin) if p.get("name", "").startswith("fi_cgroup_")))'; }
mkdir "$dir/www" && head -c 1024 /dev/zero | tr '\0' x >"$dir/www/f"
cat >"$dir/nginx.conf" <<N
worker_processes 1; daemon off; pid $dir/pid; error_log $dir/err; events { worker_connections 1024; }
http { access_log off; keepalive_requests 1000000; server { listen 127.0.0.1:18881; root $dir/www; } }
N
nginx -c "$dir/nginx.conf" &
nginx=$!
sleep 1
stats=$(sysctl -n kernel.bpf_stats_enabled)
sysctl -q kernel.bpf_stats_enabled=1
for _ in 1 2 3; do
  for enabled in false true; do
    start $enabled
    before=$(run_ns) cpu=$(ticks)
    wrk -t1 -c32 -d4s http://127.0.0.1:18881/f >"$dir/out"
    after=$(run_ns) spent=$(ticks)
    sleep 0.5
    counted=$(curl -s --unix-socket "$dir/s" http://localhost/metrics | awk '/^flowident_http_request_duration_seconds_count.*role="server"/{n += $NF} END {printf "%d", n}')
    lost=$(curl -s --unix-socket "$dir/s" http://localhost/metrics | awk '/^flowident_losses_total.*request_ring/{print $NF}')
    stop
    awk -v e=$enabled -v ns=$((after - before)) -v cpus="$(nproc)" -v t=$((spent - cpu)) -v hz="$(getconf CLK_TCK)" -v counted="$counted" -v lost="$lost" '
      /requests in/ {n = $1} /Requests\/sec/ {rate = $2}
      END {printf "requests: %s: %d requests/s; programs %.1f %% of the CPU time (%d ns a request, both ends), daemon %.1f %%; %d requests, %d counted, %d events lost\n", e, rate, ns / 4e7 / cpus, ns / n, t / hz / 4 / cpus * 100, n, counted, lost}' "$dir/out"
  done
done
sysctl -q kernel.bpf_stats_enabled="$stats"
