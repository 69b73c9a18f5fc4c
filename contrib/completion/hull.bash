# SPDX-License-Identifier: Apache-2.0
# Printed by `make docs` from the tables in src/cmd; mend them, or tools/completions.
# shellcheck shell=bash

# VERB:OPTION: what its value is: words, or @ and a kind. Fails for an option without value.
__hull_value() {
	case $1 in
	create:--bundle | create:-b) echo "@dirs" ;;
	create:--config | create:-f) echo "@files" ;;
	create:--console-socket) echo "@files" ;;
	create:--pid-file | create:-p) echo "@files" ;;
	create:--pidfd-socket) echo "@files" ;;
	create:--preserve-fds) echo "@nothing" ;;
	start:--process) echo "@files" ;;
	run:--bundle | run:-b) echo "@dirs" ;;
	run:--config | run:-f) echo "@files" ;;
	run:--console-socket) echo "@files" ;;
	run:--pid-file | run:-p) echo "@files" ;;
	run:--pidfd-socket) echo "@files" ;;
	run:--preserve-fds) echo "@nothing" ;;
	exec:--process | exec:-p) echo "@files" ;;
	exec:--cwd) echo "@dirs" ;;
	exec:--env | exec:-e) echo "add replace" ;;
	exec:--user | exec:-u) echo "@nothing" ;;
	exec:--additional-gids | exec:-g) echo "@nothing" ;;
	exec:--cap | exec:-c) echo "CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_IPC_OWNER CAP_KILL CAP_LEASE CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW CAP_PERFMON CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYSLOG CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_CHROOT CAP_SYS_MODULE CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM" ;;
	exec:--apparmor) echo "@nothing" ;;
	exec:--process-label) echo "@nothing" ;;
	exec:--console-socket) echo "@files" ;;
	exec:--preserve-fds) echo "@nothing" ;;
	exec:--pid-file) echo "@files" ;;
	exec:--pidfd-socket) echo "@files" ;;
	exec:--cgroup) echo "@nothing" ;;
	list:--format | list:-f) echo "table json" ;;
	ps:--format | ps:-f) echo "table json" ;;
	kill:--signal) echo "HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH" ;;
	stop:--signal | stop:-s) echo "HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH" ;;
	stop:--timeout | stop:-t) echo "@nothing" ;;
	delete:--cgroup) echo "@files" ;;
	wait:--timeout | wait:-t) echo "@nothing" ;;
	wait:--format | wait:-f) echo "table json" ;;
	update:--resources | update:-r) echo "@files" ;;
	update:--blkio-weight) echo "@nothing" ;;
	update:--cpu-period) echo "@nothing" ;;
	update:--cpu-quota) echo "@nothing" ;;
	update:--cpu-burst) echo "@nothing" ;;
	update:--cpu-share) echo "@nothing" ;;
	update:--cpu-idle) echo "0 1" ;;
	update:--cpu-rt-period) echo "@nothing" ;;
	update:--cpu-rt-runtime) echo "@nothing" ;;
	update:--cpuset-cpus) echo "@nothing" ;;
	update:--cpuset-mems) echo "@nothing" ;;
	update:--memory) echo "@nothing" ;;
	update:--memory-reservation) echo "@nothing" ;;
	update:--memory-swap) echo "@nothing" ;;
	update:--kernel-memory) echo "@nothing" ;;
	update:--kernel-memory-tcp) echo "@nothing" ;;
	update:--pids-limit) echo "@nothing" ;;
	update:--l3-cache-schema) echo "@nothing" ;;
	update:--mem-bw-schema) echo "@nothing" ;;
	update:--format | update:-f) echo "table json" ;;
	events:--interval) echo "@nothing" ;;
	checkpoint:--image-path) echo "@dirs" ;;
	checkpoint:--work-path) echo "@dirs" ;;
	checkpoint:--manage-cgroups-mode) echo "soft full strict ignore" ;;
	checkpoint:--network-lock) echo "iptables nftables skip" ;;
	checkpoint:--empty-ns) echo "network" ;;
	checkpoint:--parent-path) echo "@dirs" ;;
	checkpoint:--page-server) echo "@nothing" ;;
	checkpoint:--status-fd) echo "@nothing" ;;
	restore:--image-path) echo "@dirs" ;;
	restore:--work-path) echo "@dirs" ;;
	restore:--manage-cgroups-mode) echo "soft full strict ignore" ;;
	restore:--network-lock) echo "iptables nftables skip" ;;
	restore:--empty-ns) echo "network" ;;
	restore:--bundle | restore:-b) echo "@dirs" ;;
	restore:--config | restore:-f) echo "@files" ;;
	restore:--console-socket) echo "@files" ;;
	restore:--pid-file | restore:-p) echo "@files" ;;
	restore:--lsm-profile) echo "apparmor selinux" ;;
	restore:--lsm-mount-context) echo "@nothing" ;;
	top:--interval) echo "@nothing" ;;
	top:--count) echo "@nothing" ;;
	top:--sort) echo "cpu memory io pids name" ;;
	top:--format | top:-f) echo "table json" ;;
	spec:--bundle | spec:-b) echo "@dirs" ;;
	spec:--file | spec:-f) echo "@nothing" ;;
	validate:--bundle | validate:-b) echo "@dirs" ;;
	validate:--config) echo "@files" ;;
	validate:--format | validate:-f) echo "text json" ;;
	plan:--bundle | plan:-b) echo "@dirs" ;;
	plan:--config) echo "@files" ;;
	plan:--format | plan:-f) echo "text json" ;;
	doctor:--format | doctor:-f) echo "table json" ;;
	doctor:--host-root) echo "@dirs" ;;
	audit:--format | audit:-f) echo "table json" ;;
	gc:--format | gc:-f) echo "table json" ;;
	help:--format | help:-f) echo "text json" ;;
	*:--root) echo "@dirs" ;;
	*:--log) echo "@files" ;;
	*:--log-format) echo "text json" ;;
	*:--log-level) echo "error warning info debug" ;;
	*:--cgroup-manager) echo "cgroupfs systemd disabled" ;;
	*:--rootless) echo "true false auto" ;;
	*:--criu) echo "@files" ;;
	*:--public-state-dir) echo "@dirs" ;;
	*:--trace) echo "@files" ;;
	*) return 1 ;;
	esac
}

# VERB:NUMBER: what an operand is.
__hull_operand() {
	case $1 in
	start:0) echo "@ids" ;;
	exec:0) echo "@ids" ;;
	state:0) echo "@ids" ;;
	ps:0) echo "@ids" ;;
	kill:0) echo "@ids" ;;
	kill:1) echo "HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH" ;;
	stop:0) echo "@ids" ;;
	delete:0) echo "@ids" ;;
	wait:0) echo "@ids" ;;
	pause:0) echo "@ids" ;;
	resume:0) echo "@ids" ;;
	update:0) echo "@ids" ;;
	events:0) echo "@ids" ;;
	checkpoint:0) echo "@ids" ;;
	validate:0) echo "@dirs" ;;
	plan:0) echo "@dirs" ;;
	audit:0) echo "@ids" ;;
	explain:0) echo "@errors" ;;
	help:0) echo "@verbs" ;;
	esac
}

__hull_options() {
	case $1 in
	create) echo "--bundle -b --config -f --console-socket --pid-file -p --pidfd-socket --preserve-fds --no-pivot --no-new-keyring --no-subreaper --no-create-mountpoints --default-filesystems --strict-namespaces --delete-on-exit" ;;
	start) echo "--process" ;;
	run) echo "--bundle -b --config -f --console-socket --pid-file -p --pidfd-socket --preserve-fds --no-pivot --no-new-keyring --no-subreaper --no-create-mountpoints --default-filesystems --strict-namespaces --detach -d --keep" ;;
	exec) echo "--process -p --cwd --env -e --user -u --additional-gids -g --cap -c --no-new-privs --apparmor --process-label --tty -t --console-socket --preserve-fds --pid-file --pidfd-socket --detach -d --cgroup --ignore-paused" ;;
	state) echo "" ;;
	list) echo "--format -f --quiet -q" ;;
	ps) echo "--format -f" ;;
	kill) echo "--all -a --signal" ;;
	stop) echo "--signal -s --timeout -t --delete" ;;
	delete) echo "--force -f --cgroup" ;;
	wait) echo "--timeout -t --format -f" ;;
	pause) echo "" ;;
	resume) echo "" ;;
	update) echo "--resources -r --blkio-weight --cpu-period --cpu-quota --cpu-burst --cpu-share --cpu-idle --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --memory --memory-reservation --memory-swap --kernel-memory --kernel-memory-tcp --pids-limit --l3-cache-schema --mem-bw-schema --format -f" ;;
	events) echo "--interval --stats" ;;
	checkpoint) echo "--image-path --work-path --tcp-established --tcp-close --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --network-lock --empty-ns --auto-dedup --lazy-pages --leave-running -R --pre-dump -P --parent-path --page-server --status-fd --tcp-skip-in-flight --link-remap" ;;
	restore) echo "--image-path --work-path --tcp-established --tcp-close --ext-unix-sk --shell-job --file-locks --manage-cgroups-mode --network-lock --empty-ns --auto-dedup --lazy-pages --bundle -b --config -f --console-socket --pid-file -p --lsm-profile --lsm-mount-context --detach -d --keep --no-pivot --no-subreaper" ;;
	top) echo "--interval --count --sort --format -f" ;;
	spec) echo "--bundle -b --file -f --rootless" ;;
	validate) echo "--bundle -b --config --format -f" ;;
	plan) echo "--bundle -b --config --format -f" ;;
	features) echo "" ;;
	doctor) echo "--format -f --quiet -q --host-root" ;;
	audit) echo "--format -f --quiet -q --no-stop" ;;
	gc) echo "--remove --format -f" ;;
	explain) echo "" ;;
	version) echo "" ;;
	help) echo "--format -f" ;;
	*) echo "--root --log --log-format --log-level --debug --systemd-cgroup -s --cgroup-manager --rootless --criu --public-state-dir --allow-systemd-properties --strict --trace --help -h --version -v" ;;
	esac
}

# WHAT CUR HULL ROOT: candidates, one a line.
__hull_candidates() {
	local options=()
	[ -z "$4" ] || options=(--root "$4")
	case $1 in
	@files) compgen -f -- "$2" ;;
	@dirs) compgen -d -- "$2" ;;
	@ids) compgen -W "$("$3" "${options[@]}" list --quiet 2>/dev/null)" -- "$2" ;;
	@errors) compgen -W "$("$3" explain 2>/dev/null | grep -o '^HULL-[A-Z]*-[0-9]*')" -- "$2" ;;
	@verbs) compgen -W "create start run exec state list ps kill stop delete wait pause resume update events checkpoint restore top spec validate plan features doctor audit gc explain version help" -- "$2" ;;
	@*) ;;
	*) compgen -W "$1" -- "$2" ;;
	esac
}

_hull() {
	local cur=${COMP_WORDS[COMP_CWORD]} hull=${1/#\~/$HOME} verb='' root='' want='' n=0 i word value
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-*)
			value=$(__hull_value "${verb:-none}:$word") || value=$(__hull_value "*:$word") || continue
			# readline makes three words of --option=value
			[ "${COMP_WORDS[i + 1]}" != = ] || ((i++))
			((++i >= COMP_CWORD)) && want=$value
			[ "$word" != --root ] || root=${COMP_WORDS[i]/#\~/$HOME}
			;;
		*)
			if [ -n "$verb" ]; then
				((n++))
			else
				verb=$word
			fi
			;;
		esac
	done
	[ "$cur" != = ] || cur=''
	case $verb in
	exec | ps) ((n == 0)) || return 0 ;;
	esac
	if [ -z "$want" ]; then
		case $cur in
		-*) want="$([ -z "$verb" ] || __hull_options "$verb") $(__hull_options '*')" ;;
		*) if [ -n "$verb" ]; then want=$(__hull_operand "$verb:$n"); else want=@verbs; fi ;;
		esac
	fi
	[ -n "$want" ] || return 0
	mapfile -t COMPREPLY < <(__hull_candidates "$want" "$cur" "$hull" "$root")
	case $want in
	@files | @dirs) compopt -o filenames 2>/dev/null ;;
	esac
	return 0
}

complete -F _hull hull
