#!/usr/bin/env bash
# Builds the fuzz targets (address and undefined-behaviour sanitizers) and runs them, one after the other.
# usage: SECONDS=60 run.sh [target...]   SECONDS: in total, shared by the targets; without targets, all of them
# QUICK=1: promises about answers are checked on the seeds, which are the same every time; the rest of the time memory and
# bounds only, so that tests do not fail by luck.
# Inputs that fail are kept in build/fuzz/found; run one again with build/fuzz/TARGET FILE.
set -euo pipefail
budget=$(tr '\0' '\n' </proc/$$/environ | sed -n 's/^SECONDS=//p') # bash counts in the variable itself
budget=${budget:-60}
[[ $budget =~ ^[0-9]+$ ]] || { echo "fuzz: SECONDS=$budget is not a number" >&2; exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=build/fuzz
targets=("$@")
((${#targets[@]})) || targets=(packets stream signatures labels capture)

if ! command -v clang++-19 >/dev/null || ! compgen -G '/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-*' >/dev/null; then
	echo "fuzz: clang-19 and libclang-rt-19-dev are needed (tools/setup.sh test installs them)" >&2
	exit 3
fi
mkdir -p $out/found $out/core
flags=(-O2 -g1 -DFI_HOST=1 -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=fuzzer-no-link,address,undefined)
compile() { # source, object: again when any source is newer
	if [[ -e $2 && -z $(find bpf native test/fuzz -name '*.[ch]*' -newer "$2" -print -quit) ]]; then return; fi
	echo "fuzz: compiling $1" >&2
	case $1 in
	*.c) clang-19 -std=gnu11 "${flags[@]}" -w -c "$1" -o "$2.new" ;;
	*) clang++-19 -std=c++20 "${flags[@]}" -Wall -Wextra -Wno-unused-parameter -c "$1" -o "$2.new" ;;
	esac
	mv "$2.new" "$2"
}
jobs=()
objects=()
for unit in core.c capture.cc capture_ng.cc link.cc label_side.cc labels.cc flow_table.cc replay.cc replay_flows.cc; do
	compile native/$unit $out/core/${unit%.*}.o &
	jobs+=($!)
	objects+=($out/core/${unit%.*}.o)
done
for job in "${jobs[@]}"; do wait "$job"; done
for target in "${targets[@]}"; do
	compile "test/fuzz/$target.cc" "$out/$target.o"
	[[ $out/$target -nt $out/$target.o && -z $(find $out/core -name '*.o' -newer $out/$target -print -quit) ]] ||
		clang++-19 -fsanitize=fuzzer,address,undefined "$out/$target.o" "${objects[@]}" -o "$out/$target"
done
[[ -e $out/seeds/done && -z $(find test/pcap test/vectors test/fuzz/seeds.ts -newer $out/seeds/done -print -quit) ]] || node --import tsx test/fuzz/seeds.ts $out/seeds

each=$((budget / ${#targets[@]}))
((each)) || each=1
# Recursion and large tables are not what is looked for: memory is bounded so that a runaway is found.
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1
failed=0
for target in "${targets[@]}"; do
	mkdir -p "$out/corpus/$target"
	log=$out/$target.log
	if [[ ${QUICK:-} == 1 ]]; then
		if ! "$out/$target" -runs=0 -artifact_prefix="$out/found/$target-" "$out/seeds/$target" >"$log" 2>&1; then
			failed=1
			echo "fuzz: $target: FAILED on a seed, see $log" >&2
			tail -n 20 "$log" >&2
			continue
		fi
		export FI_FUZZ_MEMORY_ONLY=1
	fi
	if "$out/$target" -max_total_time="$each" -max_len="$([[ $target == packets || $target == capture ]] && echo 6000 || echo 1500)" \
		-rss_limit_mb=1500 -timeout=20 -print_final_stats=1 -artifact_prefix="$out/found/$target-" \
		"$out/corpus/$target" "$out/seeds/$target" >"$log" 2>&1; then
		echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs in $each s, nothing found"
	else
		failed=1
		echo "fuzz: $target: FAILED, see $log" >&2
		grep -aE 'ERROR|broken|runtime error|protocol [0-9]+:|in one piece|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
	fi
	unset FI_FUZZ_MEMORY_ONLY
done
exit $failed
