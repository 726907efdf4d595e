#!/usr/bin/env bash
# Installs what is missing on Debian 12 (and its derivatives) with Node 20 or newer; quick when nothing is.
# usage: setup.sh          what the build and the daemon need
#        setup.sh test     also the servers and clients that the tests talk to
#        setup.sh bench    also the load generator and the classifier that the benchmarks compare with
#        setup.sh deb      what makes and checks the Debian package
# No service is started: Debian's packages are told not to, and tests start their own on their own ports.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(clang-19 libbpf-dev bpftool libelf-dev zlib1g-dev linux-libc-dev cmake ninja-build g++ pkg-config make)
test_packages=(nginx haproxy redis-server redis-tools postgresql postgresql-client mariadb-server mariadb-client
	bind9 bind9-dnsutils unbound openssh-server openssh-client dropbear-bin openssl curl ca-certificates
	iproute2 iputils-ping ethtool tcpdump procps prometheus clang-format-19 clang-14 python3 perl)
bench_packages=(wrk libndpi-bin time nftables iptables)
deb_packages=(linux-source-6.12 binutils dpkg xz-utils lintian)

wanted=("${build_packages[@]}")
case "${1:-}" in
'') ;;
test) wanted+=("${test_packages[@]}") ;;
bench) wanted+=("${test_packages[@]}" "${bench_packages[@]}") ;;
deb) wanted+=("${deb_packages[@]}") ;;
*)
	echo "usage: $0 [test|bench|deb]" >&2
	exit 2
	;;
esac

say() { echo "setup: $*" >&2; }

node_ok() {
	command -v node >/dev/null && node -e '
		const [major, minor] = process.versions.node.split(".").map(Number)
		process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'
}
if ! node_ok || ! command -v npm >/dev/null; then
	say "Node 20.19 or newer with npm is needed, found: $(command -v node >/dev/null && node --version || echo none)"
	exit 1
fi

missing=()
if command -v dpkg-query >/dev/null; then
	# One call for all: an unknown package prints nothing on stdout, so it counts as missing.
	installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "${wanted[@]}" 2>/dev/null || true) "
	for package in "${wanted[@]}"; do
		[[ $installed == *" installed:$package "* ]] || missing+=("$package")
	done
else
	say "this is not a Debian system: install the like of ${wanted[*]} yourself"
fi

if ((${#missing[@]})); then
	if ((EUID != 0)); then
		say "missing: ${missing[*]}"
		say "run as root: apt-get install -y --no-install-recommends ${missing[*]}"
		exit 1
	fi
	say "installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	policy=/usr/sbin/policy-rc.d
	made_policy=
	if [[ ! -e $policy ]]; then
		# 101 = "action forbidden by policy": the answer that keeps package scripts from starting daemons.
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made_policy=1
	fi
	trap '[[ -z $made_policy ]] || rm -f "$policy"; rm -f "$log"' EXIT
	install=(apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "${missing[@]}")
	# The package lists of the machine may be absent or old: refresh them only when the first try fails.
	if ! RUNLEVEL=1 "${install[@]}" >"$log" 2>&1 </dev/null; then
		if ! { apt-get update -o Acquire::Retries=3 && RUNLEVEL=1 "${install[@]}"; } >"$log" 2>&1 </dev/null; then
			tail -n 30 "$log" >&2
			say "apt-get failed"
			exit 1
		fi
	fi
fi

if [[ ! -e node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
	say "npm ci"
	npm ci --no-fund --no-audit --ignore-scripts --loglevel=error >&2
	touch node_modules/.package-lock.json
fi
