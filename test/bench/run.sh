#!/usr/bin/env bash
# All benchmarks, or one: make bench PART=kernel|socket|replay|daemon|requests. Writes Markdown to stdout; docs/BENCHMARKS.md keeps the last run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
part=${PART:-all}
here() { [ "$part" = all ] || [ "$part" = "$1" ]; }
ts() { node --import tsx "$@"; }
mkdir -p build/bench
clang=$(command -v clang-19 || command -v clang)
"$clang" -target bpf -mcpu=v3 -O2 -g -I"/usr/include/$(uname -m)-linux-gnu" -c test/bench/baseline.bpf.c -o build/bench/baseline.bpf.o
if here kernel; then
  printf '\n## A packet in each program\n\n'
  ts test/bench/kernel-cost.ts
fi
if here socket; then
  printf '\n## A packet in the socket view, by open sockets\n\n'
  ts test/bench/socket-cost.ts
fi
if here replay; then
  printf '\n## replay against ndpiReader\n\n'
  ts test/bench/replay-cost.ts
fi
if here daemon; then
  printf '\n## The daemon at rest, and nginx beside it\n\n'
  bash test/bench/daemon.sh
fi
if here requests; then
  printf '\n## Requests measured\n\n'
  bash test/bench/requests.sh
fi
