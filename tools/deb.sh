#!/usr/bin/env bash
# Builds build/flowident_VERSION_ARCH.deb: Node, the bundle and an addon with static libbpf inside. `make deb` builds what goes in.
# usage: deb.sh        for tests: XZ_LEVEL=0 is quick and large, ADDON=FILE packs another build of the addon, OUT=FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

addon=${ADDON:-build/release/out/Release/flowident.node}
out=${OUT:-build}
version=$(node -p 'require("./package.json").version')-1
maintainer="${DEBFULLNAME:-flowident} <${DEBEMAIL:-flowident@flowident.invalid}>"
arch=$(dpkg --print-architecture)
tree=$out/deb
node=$(readlink -f "$(command -v node)")
rm -rf "$tree"
lib=$tree/usr/lib/flowident
doc=$tree/usr/share/doc/flowident

install -D -m 755 "$node" "$lib/bin/node"
install -D -m 644 "$addon" "$lib/prebuilds/linux-$(node -p process.arch)/flowident.node"
# Symbols for a debugger are a fifth of Node; those that an addon links with stay.
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$lib/bin/node" "$lib"/prebuilds/*/flowident.node
cp -r dist "$lib/dist"
# Not a script here: /usr/bin/flowident names the Node that runs it.
sed -i '1{/^#!/d}' "$lib/dist/main.js"
chmod 644 "$lib/dist/main.js"
find "$lib/dist" -name '*.map' -delete
chmod -R u=rwX,go=rX "$lib/dist"
# Only what is read at run time: the name and version, and that the bundle is ES modules.
node -p 'const { name, version, type, license } = require("./package.json"); JSON.stringify({ name, version, type, license })' >"$lib/package.json"
mkdir -p "$tree/usr/bin"
printf '#!/bin/sh\nexec /usr/lib/flowident/bin/node /usr/lib/flowident/dist/main.js "$@"\n' >"$tree/usr/bin/flowident"
chmod 755 "$tree/usr/bin/flowident"

install -D -m 644 packaging/flowident.service "$tree/usr/lib/systemd/system/flowident.service"
install -D -m 644 packaging/flowident.sysusers "$tree/usr/lib/sysusers.d/flowident.conf"
install -D -m 644 packaging/flowident.tmpfiles "$tree/usr/lib/tmpfiles.d/flowident.conf"
node --import tsx tools/packaging-text.ts "$tree"
find "$tree/usr/share/man" -type f -exec gzip -9n {} +

install -D -m 644 README.md "$doc/README.md"
gzip -9nc CHANGELOG.md >"$doc/changelog.gz"
cat <<EOF | gzip -9nc >"$doc/changelog.Debian.gz"
flowident ($version) unstable; urgency=medium

  * See changelog.gz for what changed.

 -- $maintainer  $(date -uR -d "@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}")
EOF
{
	printf 'flowident is licensed under the Apache License 2.0: /usr/share/common-licenses/Apache-2.0\n'
	printf 'Copyright the authors of flowident.\n\nThe package contains the following works of others.\n'
	found=
	for file in "$(dirname "$node")/../LICENSE" /usr/share/doc/nodejs/LICENSE /usr/share/doc/nodejs/copyright; do
		[[ -e $file ]] || continue
		printf '\n== Node.js (and the libraries inside it)\n\n' && cat "$file" && found=1
		break
	done
	[[ -n $found ]] || { echo "deb: the licence text of $node was not found" >&2 && exit 1; }
	printf '\n== libbpf, from linux-source-6.12: LGPL-2.1-only OR BSD-2-Clause\n'
	printf 'Texts: /usr/share/common-licenses/LGPL-2.1 and /usr/share/common-licenses/BSD\n'
	npm ls --omit=dev --all --parseable 2>/dev/null | tail -n +2 | sort -u | while read -r package; do
		printf '\n== %s\n\n' "$(node -p 'const p = require(process.argv[1]); `${p.name} ${p.version}: ${p.license}`' "$package/package.json")"
		find "$package" -maxdepth 1 -iname 'licen[sc]e*' -type f -exec cat {} +
	done
} >"$doc/copyright"
install -D -m 644 packaging/deb/lintian-overrides "$tree/usr/share/lintian/overrides/flowident"

mkdir -p "$tree/DEBIAN"
install -m 755 packaging/deb/{postinst,prerm,postrm} "$tree/DEBIAN/"
echo /etc/flowident/flowident.yaml >"$tree/DEBIAN/conffiles"
sed -e "s/@VERSION@/$version/" -e "s/@MAINTAINER@/$maintainer/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$(du -sk "$tree" | cut -f1)/" packaging/deb/control.in >"$tree/DEBIAN/control"
(cd "$tree" && find etc usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
dpkg-deb --root-owner-group -Zxz -z"${XZ_LEVEL:-6}" --build "$tree" "$out/flowident_${version}_$arch.deb" >&2
echo "$out/flowident_${version}_$arch.deb"
