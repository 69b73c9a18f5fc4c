#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes go down only (doc/architecture.md#layers). Rooms of layer 3 never include each other, except sync.
# usage: layers.sh ROOT
set -eu
cd "${1:-.}/src"
layer() {
	case $1 in
	base) echo 0 ;; spec | sys) echo 1 ;; plan) echo 2 ;;
	ns | mount | cgroup | seccomp | cred | net | tune | hook | console | sync | checkpoint) echo 3 ;;
	init) echo 4 ;; container | doctor) echo 5 ;; api | audit) echo 6 ;; cmd) echo 7 ;;
	*) echo "layers: $1 is no room" >&2; exit 1 ;;
	esac
}
bad=0
for f in */*.[ch] */*/*.[ch]; do
	[ -e "$f" ] || continue
	room=${f%%/*}
	from=$(layer "$room")
	for inc in $(sed -n 's/^#include "\([a-z]*\)\/.*/\1/p' "$f" | sort -u); do
		[ "$inc" = "$room" ] && continue
		to=$(layer "$inc")
		if [ "$to" -gt "$from" ] || { [ "$to" = "$from" ] && [ "$from" != 1 ]; }; then
			echo "layers: $f (layer $from) includes $inc/ (layer $to)"
			bad=1
		elif [ "$from" = 1 ] && [ "$to" = 1 ]; then
			echo "layers: $f: spec and sys do not know each other"
			bad=1
		fi
	done
done
exit $bad
