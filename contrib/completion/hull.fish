# SPDX-License-Identifier: Apache-2.0
# Printed by `make docs` from the tables in src/cmd; mend them, or tools/completions.

# The words before the cursor that are no options and no values of options: the verb, then its operands.
function __hull_words
    set -l skip 0
    set -l verb ''
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $verb:$word
            case '*:--cgroup-manager' '*:--criu' '*:--log' '*:--log-format' '*:--log-level' '*:--public-state-dir' '*:--root' '*:--rootless' '*:--trace' 'audit:--format' 'audit:-f' 'checkpoint:--empty-ns' 'checkpoint:--image-path' 'checkpoint:--manage-cgroups-mode' 'checkpoint:--network-lock' 'checkpoint:--page-server' 'checkpoint:--parent-path' 'checkpoint:--status-fd' 'checkpoint:--work-path' 'create:--bundle' 'create:--config' 'create:--console-socket' 'create:--pid-file' 'create:--pidfd-socket' 'create:--preserve-fds' 'create:-b' 'create:-f' 'create:-p' 'delete:--cgroup' 'doctor:--format' 'doctor:--host-root' 'doctor:-f' 'events:--interval' 'exec:--additional-gids' 'exec:--apparmor' 'exec:--cap' 'exec:--cgroup' 'exec:--console-socket' 'exec:--cwd' 'exec:--env' 'exec:--pid-file' 'exec:--pidfd-socket' 'exec:--preserve-fds' 'exec:--process' 'exec:--process-label' 'exec:--user' 'exec:-c' 'exec:-e' 'exec:-g' 'exec:-p' 'exec:-u' 'gc:--format' 'gc:-f' 'help:--format' 'help:-f' 'kill:--signal' 'list:--format' 'list:-f' 'plan:--bundle' 'plan:--config' 'plan:--format' 'plan:-b' 'plan:-f' 'ps:--format' 'ps:-f' 'restore:--bundle' 'restore:--config' 'restore:--console-socket' 'restore:--empty-ns' 'restore:--image-path' 'restore:--lsm-mount-context' 'restore:--lsm-profile' 'restore:--manage-cgroups-mode' 'restore:--network-lock' 'restore:--pid-file' 'restore:--work-path' 'restore:-b' 'restore:-f' 'restore:-p' 'run:--bundle' 'run:--config' 'run:--console-socket' 'run:--pid-file' 'run:--pidfd-socket' 'run:--preserve-fds' 'run:-b' 'run:-f' 'run:-p' 'spec:--bundle' 'spec:--file' 'spec:-b' 'spec:-f' 'start:--process' 'stop:--signal' 'stop:--timeout' 'stop:-s' 'stop:-t' 'top:--count' 'top:--format' 'top:--interval' 'top:--sort' 'top:-f' 'update:--blkio-weight' 'update:--cpu-burst' 'update:--cpu-idle' 'update:--cpu-period' 'update:--cpu-quota' 'update:--cpu-rt-period' 'update:--cpu-rt-runtime' 'update:--cpu-share' 'update:--cpuset-cpus' 'update:--cpuset-mems' 'update:--format' 'update:--kernel-memory' 'update:--kernel-memory-tcp' 'update:--l3-cache-schema' 'update:--mem-bw-schema' 'update:--memory' 'update:--memory-reservation' 'update:--memory-swap' 'update:--pids-limit' 'update:--resources' 'update:-f' 'update:-r' 'validate:--bundle' 'validate:--config' 'validate:--format' 'validate:-b' 'validate:-f' 'wait:--format' 'wait:--timeout' 'wait:-f' 'wait:-t'
                set skip 1
            case '*:-*'
            case '*'
                test -n "$verb"; or set verb $word
                echo -- $word
        end
    end
end

function __hull_verb
    set -l words (__hull_words)
    set -q words[1]; and echo -- $words[1]
end

# VERB [NUMBER]: is this the verb, and are there that many operands before the cursor? Behind the first operand of
# exec ps everything belongs to another program.
function __hull_at
    set -l words (__hull_words)
    test "$words[1]" = $argv[1]; or return 1
    __hull_own; or return 1
    set -q argv[2]; or return 0
    test (count $words) = (math $argv[2] + 1)
end

function __hull_own
    set -l words (__hull_words)
    not contains -- "$words[1]" exec ps; or test (count $words) = 1
end

function __hull_run
    set -l words (commandline -opc)
    set -l root
    for i in (seq 2 (count $words))
        switch $words[$i]
            case --root
                set root --root $words[(math $i + 1)]
            case '--root=*'
                set root $words[$i]
        end
    end
    command $words[1] $root $argv 2>/dev/null
end

function __hull_ids
    __hull_run list --quiet
end

function __hull_errors
    __hull_run explain | string match -r '^HULL-[A-Z]*-[0-9]*'
end

function __hull_verbs
    printf '%s\n' create start run exec state list ps kill stop delete wait pause resume update events checkpoint restore top spec validate plan features doctor audit gc explain version help
end

complete -c hull -f
complete -c hull -n 'not __hull_verb >/dev/null' -a create -d 'make a container from a bundle, ready to be started'
complete -c hull -n 'not __hull_verb >/dev/null' -a start -d 'run the program of a created container'
complete -c hull -n 'not __hull_verb >/dev/null' -a run -d 'create, start, wait for the end and delete'
complete -c hull -n 'not __hull_verb >/dev/null' -a exec -d 'run one more process in a container'
complete -c hull -n 'not __hull_verb >/dev/null' -a state -d 'show the state of a container as JSON'
complete -c hull -n 'not __hull_verb >/dev/null' -a list -d 'list the containers of this state root'
complete -c hull -n 'not __hull_verb >/dev/null' -a ps -d 'list the processes of a container; with options, as the host'\''s ps(1) shows them'
complete -c hull -n 'not __hull_verb >/dev/null' -a kill -d 'send a signal (TERM) to the container'\''s process'
complete -c hull -n 'not __hull_verb >/dev/null' -a stop -d 'end all processes of the container, politely first'
complete -c hull -n 'not __hull_verb >/dev/null' -a delete -d 'remove a stopped container and all that create made'
complete -c hull -n 'not __hull_verb >/dev/null' -a wait -d 'wait until the container'\''s process has ended'
complete -c hull -n 'not __hull_verb >/dev/null' -a pause -d 'freeze all processes of the container'
complete -c hull -n 'not __hull_verb >/dev/null' -a resume -d 'thaw a paused container'
complete -c hull -n 'not __hull_verb >/dev/null' -a update -d 'change the limits of a container, all or none'
complete -c hull -n 'not __hull_verb >/dev/null' -a events -d 'report what a container uses, and kills for want of memory, as JSON'
complete -c hull -n 'not __hull_verb >/dev/null' -a checkpoint -d 'write a running container to images, by CRIU, and end it'
complete -c hull -n 'not __hull_verb >/dev/null' -a restore -d 'make a container from images of a checkpoint'
complete -c hull -n 'not __hull_verb >/dev/null' -a top -d 'show what all containers use: CPU, memory, I/O, processes, pressure'
complete -c hull -n 'not __hull_verb >/dev/null' -a spec -d 'write a good default config.json'
complete -c hull -n 'not __hull_verb >/dev/null' -a validate -d 'say of each property: applied, ignored, or why it cannot be'
complete -c hull -n 'not __hull_verb >/dev/null' -a plan -d 'show what create would do, in order, and do nothing'
complete -c hull -n 'not __hull_verb >/dev/null' -a features -d 'show what this build can do, as JSON'
complete -c hull -n 'not __hull_verb >/dev/null' -a doctor -d 'look at this host: what hull will find, and how to mend it'
complete -c hull -n 'not __hull_verb >/dev/null' -a audit -d 'compare what a running container really has with its config'
complete -c hull -n 'not __hull_verb >/dev/null' -a gc -d 'find what killed commands and reboots left in this state root'
complete -c hull -n 'not __hull_verb >/dev/null' -a explain -d 'explain an error: what it means and what to do'
complete -c hull -n 'not __hull_verb >/dev/null' -a version -d 'show the version'
complete -c hull -n 'not __hull_verb >/dev/null' -a help -d 'show help'
complete -c hull -n '__hull_own' -l root -x -a '(__fish_complete_directories)' -d 'directory of the containers'\'' records (private, /run/hull)'
complete -c hull -n '__hull_own' -l log -r -F -d 'append messages to FILE as well as to stderr'
complete -c hull -n '__hull_own' -l log-format -x -a 'text json' -d 'form of the log'\''s lines'
complete -c hull -n '__hull_own' -l log-level -x -a 'error warning info debug' -d 'error, warning, info or debug'
complete -c hull -n '__hull_own' -l debug -d 'the same as --log-level debug'
complete -c hull -n '__hull_own' -s s -l systemd-cgroup -d 'let systemd manage the cgroup'
complete -c hull -n '__hull_own' -l cgroup-manager -x -a 'cgroupfs systemd disabled' -d 'cgroupfs, systemd or disabled'
complete -c hull -n '__hull_own' -l rootless -x -a 'true false auto' -d 'accepted for other runtimes'\'' sake: hull looks at its rights'
complete -c hull -n '__hull_own' -l criu -r -F -d 'the program criu, where it is in no usual directory'
complete -c hull -n '__hull_own' -l public-state-dir -x -a '(__fish_complete_directories)' -d 'where state.json of each container can be read by everybody; empty: nowhere'
complete -c hull -n '__hull_own' -l allow-systemd-properties -d 'let annotations org.systemd.property.* set properties of the unit'
complete -c hull -n '__hull_own' -l strict -d 'refuse what the spec only warns about or ignores'
complete -c hull -n '__hull_own' -l trace -r -F -d 'write the times of all steps to FILE, for Perfetto or chrome://tracing'
complete -c hull -n '__hull_own' -s h -l help -d 'show help'
complete -c hull -n '__hull_own' -s v -l version -d 'show the version'
complete -c hull -n '__hull_at create' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle directory (the current one)'
complete -c hull -n '__hull_at create' -s f -l config -r -F -d 'another name for config.json'
complete -c hull -n '__hull_at create' -l console-socket -r -F -d 'unix socket that receives the terminal'
complete -c hull -n '__hull_at create' -s p -l pid-file -r -F -d 'write the pid of the container'\''s process to FILE'
complete -c hull -n '__hull_at create' -l pidfd-socket -r -F -d 'unix socket that receives a pidfd of the process'
complete -c hull -n '__hull_at create' -l preserve-fds -x -d 'pass N more descriptors, from 3 (plus LISTEN_FDS)'
complete -c hull -n '__hull_at create' -l no-pivot -d 'use chroot instead of pivot_root, for a root on ramfs'
complete -c hull -n '__hull_at create' -l no-new-keyring -d 'keep the caller'\''s session keyring'
complete -c hull -n '__hull_at create' -l no-subreaper -d 'accepted for other runtimes'\'' sake: hull never is a subreaper'
complete -c hull -n '__hull_at create' -l no-create-mountpoints -d 'fail where a mount point is missing'
complete -c hull -n '__hull_at create' -l default-filesystems -d 'add /proc, /sys, /dev/pts, /dev/shm when missing'
complete -c hull -n '__hull_at create' -l strict-namespaces -d 'refuse settings for namespaces that are joined by path'
complete -c hull -n '__hull_at create' -l delete-on-exit -d 'keep a small process that deletes the container when it ends'
complete -c hull -n '__hull_at start' -l process -r -F -d 'run this process object instead of the one of config.json'
complete -c hull -n '__hull_at start 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at run' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle directory (the current one)'
complete -c hull -n '__hull_at run' -s f -l config -r -F -d 'another name for config.json'
complete -c hull -n '__hull_at run' -l console-socket -r -F -d 'unix socket that receives the terminal'
complete -c hull -n '__hull_at run' -s p -l pid-file -r -F -d 'write the pid of the container'\''s process to FILE'
complete -c hull -n '__hull_at run' -l pidfd-socket -r -F -d 'unix socket that receives a pidfd of the process'
complete -c hull -n '__hull_at run' -l preserve-fds -x -d 'pass N more descriptors, from 3 (plus LISTEN_FDS)'
complete -c hull -n '__hull_at run' -l no-pivot -d 'use chroot instead of pivot_root, for a root on ramfs'
complete -c hull -n '__hull_at run' -l no-new-keyring -d 'keep the caller'\''s session keyring'
complete -c hull -n '__hull_at run' -l no-subreaper -d 'accepted for other runtimes'\'' sake: hull never is a subreaper'
complete -c hull -n '__hull_at run' -l no-create-mountpoints -d 'fail where a mount point is missing'
complete -c hull -n '__hull_at run' -l default-filesystems -d 'add /proc, /sys, /dev/pts, /dev/shm when missing'
complete -c hull -n '__hull_at run' -l strict-namespaces -d 'refuse settings for namespaces that are joined by path'
complete -c hull -n '__hull_at run' -s d -l detach -d 'return once the program runs'
complete -c hull -n '__hull_at run' -l keep -d 'do not delete the container when it ends'
complete -c hull -n '__hull_at exec' -s p -l process -r -F -d 'a `process` object as in config.json; the options below change it'
complete -c hull -n '__hull_at exec' -l cwd -x -a '(__fish_complete_directories)' -d 'working directory'
complete -c hull -n '__hull_at exec' -s e -l env -x -a 'add replace' -d 'add or replace a variable; may be repeated'
complete -c hull -n '__hull_at exec' -s u -l user -x -d 'numeric ids'
complete -c hull -n '__hull_at exec' -s g -l additional-gids -x -d 'add groups, separated by commas; may be repeated'
complete -c hull -n '__hull_at exec' -s c -l cap -x -a 'CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_BLOCK_SUSPEND CAP_BPF CAP_CHECKPOINT_RESTORE CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_IPC_OWNER CAP_KILL CAP_LEASE CAP_LINUX_IMMUTABLE CAP_MAC_ADMIN CAP_MAC_OVERRIDE CAP_MKNOD CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW CAP_PERFMON CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYSLOG CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_CHROOT CAP_SYS_MODULE CAP_SYS_NICE CAP_SYS_PACCT CAP_SYS_PTRACE CAP_SYS_RAWIO CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_WAKE_ALARM' -d 'add a capability such as CAP_NET_RAW; may be repeated'
complete -c hull -n '__hull_at exec' -l no-new-privs -d 'set no_new_privs'
complete -c hull -n '__hull_at exec' -l apparmor -x -d 'AppArmor profile'
complete -c hull -n '__hull_at exec' -l process-label -x -d 'SELinux label'
complete -c hull -n '__hull_at exec' -s t -l tty -d 'give the process a terminal'
complete -c hull -n '__hull_at exec' -l console-socket -r -F -d 'unix socket that receives the terminal'
complete -c hull -n '__hull_at exec' -l preserve-fds -x -d 'pass N more descriptors, from 3 (plus LISTEN_FDS)'
complete -c hull -n '__hull_at exec' -l pid-file -r -F -d 'write the pid of the process to FILE once the program runs'
complete -c hull -n '__hull_at exec' -l pidfd-socket -r -F -d 'unix socket that receives a pidfd of the process'
complete -c hull -n '__hull_at exec' -s d -l detach -d 'return once the program runs'
complete -c hull -n '__hull_at exec' -l cgroup -x -d 'cgroup below the container'\''s own; may be repeated'
complete -c hull -n '__hull_at exec' -l ignore-paused -d 'in a paused container: the process begins when it is resumed'
complete -c hull -n '__hull_at exec 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at state 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at list' -s f -l format -x -a 'table json' -d 'form of the output'
complete -c hull -n '__hull_at list' -s q -l quiet -d 'ids only'
complete -c hull -n '__hull_at ps' -s f -l format -x -a 'table json' -d 'json: the numbers alone; before the ID'
complete -c hull -n '__hull_at ps 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at kill' -s a -l all -d 'signal every process of the container'
complete -c hull -n '__hull_at kill' -l signal -x -a 'HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH' -d 'the same as the second operand'
complete -c hull -n '__hull_at kill 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at kill 1' -f -a 'HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH'
complete -c hull -n '__hull_at stop' -s s -l signal -x -a 'HUP INT QUIT KILL USR1 USR2 TERM CONT STOP TSTP WINCH' -d 'first signal (the image'\''s stop signal, or TERM)'
complete -c hull -n '__hull_at stop' -s t -l timeout -x -d 'how long to wait before KILL (10s)'
complete -c hull -n '__hull_at stop' -l delete -d 'delete the container afterwards'
complete -c hull -n '__hull_at stop 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at delete' -s f -l force -d 'kill what still runs; no error when there is no such container'
complete -c hull -n '__hull_at delete' -l cgroup -r -F -d 'the container'\''s record is lost: kill and remove this cgroup of it'
complete -c hull -n '__hull_at delete 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at wait' -s t -l timeout -x -d 'give up after TIME, with an error'
complete -c hull -n '__hull_at wait' -s f -l format -x -a 'table json' -d 'form of the output'
complete -c hull -n '__hull_at wait 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at pause 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at resume 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at update' -s r -l resources -r -F -d 'take a resources object from FILE or standard input'
complete -c hull -n '__hull_at update' -l blkio-weight -x -d 'share of block I/O, 10 to 1000'
complete -c hull -n '__hull_at update' -l cpu-period -x -d 'length of a period of the quota, in microseconds'
complete -c hull -n '__hull_at update' -l cpu-quota -x -d 'CPU time per period; -1: no limit'
complete -c hull -n '__hull_at update' -l cpu-burst -x -d 'CPU time that may be saved for later'
complete -c hull -n '__hull_at update' -l cpu-share -x -d 'share of the CPU against other groups'
complete -c hull -n '__hull_at update' -l cpu-idle -x -a '0 1' -d '1: run only when nobody else wants to'
complete -c hull -n '__hull_at update' -l cpu-rt-period -x -d 'period of realtime scheduling (cgroup v1)'
complete -c hull -n '__hull_at update' -l cpu-rt-runtime -x -d 'realtime CPU time per period (cgroup v1)'
complete -c hull -n '__hull_at update' -l cpuset-cpus -x -d 'CPUs to use, as 0-2,7'
complete -c hull -n '__hull_at update' -l cpuset-mems -x -d 'memory nodes to use'
complete -c hull -n '__hull_at update' -l memory -x -d 'limit of memory, as 512m; -1: none'
complete -c hull -n '__hull_at update' -l memory-reservation -x -d 'soft limit of memory'
complete -c hull -n '__hull_at update' -l memory-swap -x -d 'limit of memory and swap together; -1: none'
complete -c hull -n '__hull_at update' -l kernel-memory -x -d 'an error on kernels that cannot limit it'
complete -c hull -n '__hull_at update' -l kernel-memory-tcp -x -d 'limit of TCP buffers (cgroup v1)'
complete -c hull -n '__hull_at update' -l pids-limit -x -d 'number of processes; -1: no limit'
complete -c hull -n '__hull_at update' -l l3-cache-schema -x -d 'cache of the RDT group, as L3:0=7f0;1=1f'
complete -c hull -n '__hull_at update' -l mem-bw-schema -x -d 'memory bandwidth of the RDT group, as MB:0=50'
complete -c hull -n '__hull_at update' -s f -l format -x -a 'table json' -d 'json: print old and new values'
complete -c hull -n '__hull_at update 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at events' -l interval -x -d 'time between two measures (5s)'
complete -c hull -n '__hull_at events' -l stats -d 'one measure, then end'
complete -c hull -n '__hull_at events 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at checkpoint' -l image-path -x -a '(__fish_complete_directories)' -d 'directory of the images (./checkpoint)'
complete -c hull -n '__hull_at checkpoint' -l work-path -x -a '(__fish_complete_directories)' -d 'directory of CRIU'\''s logs (as --image-path)'
complete -c hull -n '__hull_at checkpoint' -l tcp-established -d 'allow TCP connections that are open'
complete -c hull -n '__hull_at checkpoint' -l tcp-close -d 'close TCP connections that are open'
complete -c hull -n '__hull_at checkpoint' -l ext-unix-sk -d 'allow unix sockets whose other end is outside'
complete -c hull -n '__hull_at checkpoint' -l shell-job -d 'allow a terminal of the caller'\''s as standard streams'
complete -c hull -n '__hull_at checkpoint' -l file-locks -d 'carry locks of files'
complete -c hull -n '__hull_at checkpoint' -l manage-cgroups-mode -x -a 'soft full strict ignore' -d 'soft, full, strict or ignore: how groups below the container'\''s are carried'
complete -c hull -n '__hull_at checkpoint' -l network-lock -x -a 'iptables nftables skip' -d 'iptables, nftables or skip: how packets are held back'
complete -c hull -n '__hull_at checkpoint' -l empty-ns -x -a 'network' -d 'do not carry the contents of: network'
complete -c hull -n '__hull_at checkpoint' -l auto-dedup -d 'remove pages from images that newer ones have'
complete -c hull -n '__hull_at checkpoint' -l lazy-pages -d 'pages are fetched when they are needed'
complete -c hull -n '__hull_at checkpoint' -s R -l leave-running -d 'the container goes on afterwards'
complete -c hull -n '__hull_at checkpoint' -s P -l pre-dump -d 'write memory only, and go on: for a later --parent-path'
complete -c hull -n '__hull_at checkpoint' -l parent-path -x -a '(__fish_complete_directories)' -d 'images of an earlier pre-dump, relative to --image-path'
complete -c hull -n '__hull_at checkpoint' -l page-server -x -d 'send memory to a page server there'
complete -c hull -n '__hull_at checkpoint' -l status-fd -x -d 'write a zero byte to FD when pages can be fetched (--lazy-pages)'
complete -c hull -n '__hull_at checkpoint' -l tcp-skip-in-flight -d 'leave out connections being made'
complete -c hull -n '__hull_at checkpoint' -l link-remap -d 'carry open files that were unlinked, by a new name'
complete -c hull -n '__hull_at checkpoint 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at restore' -l image-path -x -a '(__fish_complete_directories)' -d 'directory of the images (./checkpoint)'
complete -c hull -n '__hull_at restore' -l work-path -x -a '(__fish_complete_directories)' -d 'directory of CRIU'\''s logs (as --image-path)'
complete -c hull -n '__hull_at restore' -l tcp-established -d 'allow TCP connections that are open'
complete -c hull -n '__hull_at restore' -l tcp-close -d 'close TCP connections that are open'
complete -c hull -n '__hull_at restore' -l ext-unix-sk -d 'allow unix sockets whose other end is outside'
complete -c hull -n '__hull_at restore' -l shell-job -d 'allow a terminal of the caller'\''s as standard streams'
complete -c hull -n '__hull_at restore' -l file-locks -d 'carry locks of files'
complete -c hull -n '__hull_at restore' -l manage-cgroups-mode -x -a 'soft full strict ignore' -d 'soft, full, strict or ignore: how groups below the container'\''s are carried'
complete -c hull -n '__hull_at restore' -l network-lock -x -a 'iptables nftables skip' -d 'iptables, nftables or skip: how packets are held back'
complete -c hull -n '__hull_at restore' -l empty-ns -x -a 'network' -d 'do not carry the contents of: network'
complete -c hull -n '__hull_at restore' -l auto-dedup -d 'remove pages from images that newer ones have'
complete -c hull -n '__hull_at restore' -l lazy-pages -d 'pages are fetched when they are needed'
complete -c hull -n '__hull_at restore' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle directory (the current one)'
complete -c hull -n '__hull_at restore' -s f -l config -r -F -d 'another name for config.json'
complete -c hull -n '__hull_at restore' -l console-socket -r -F -d 'unix socket that receives the terminal'
complete -c hull -n '__hull_at restore' -s p -l pid-file -r -F -d 'write the pid of the container'\''s process to FILE'
complete -c hull -n '__hull_at restore' -l lsm-profile -x -a 'apparmor selinux' -d 'apparmor or selinux label, in place of config.json'\''s'
complete -c hull -n '__hull_at restore' -l lsm-mount-context -x -d 'SELinux context of mounts, in place of that of the images'
complete -c hull -n '__hull_at restore' -s d -l detach -d 'return once the container runs'
complete -c hull -n '__hull_at restore' -l keep -d 'do not delete the container when it ends'
complete -c hull -n '__hull_at restore' -l no-pivot -d 'accepted for other runtimes'\'' sake: CRIU decides'
complete -c hull -n '__hull_at restore' -l no-subreaper -d 'accepted for other runtimes'\'' sake: hull never is a subreaper'
complete -c hull -n '__hull_at top' -l interval -x -d 'time between two measures (1s)'
complete -c hull -n '__hull_at top' -l count -x -d 'end after N measures; 0: never (1, on a terminal 0)'
complete -c hull -n '__hull_at top' -l sort -x -a 'cpu memory io pids name' -d 'cpu, memory, io, pids or name (cpu)'
complete -c hull -n '__hull_at top' -s f -l format -x -a 'table json' -d 'print, also on a terminal; json: one line for each measure'
complete -c hull -n '__hull_at spec' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'where to write (the current directory)'
complete -c hull -n '__hull_at spec' -s f -l file -x -d 'another name for config.json; - is standard output'
complete -c hull -n '__hull_at spec' -l rootless -d 'for an unprivileged user: own user namespace, no network namespace'
complete -c hull -n '__hull_at validate' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle directory (the current one)'
complete -c hull -n '__hull_at validate' -l config -r -F -d 'another name for config.json'
complete -c hull -n '__hull_at validate' -s f -l format -x -a 'text json' -d 'form of the output'
complete -c hull -n '__hull_at validate 0' -f -a '(__fish_complete_directories)'
complete -c hull -n '__hull_at plan' -s b -l bundle -x -a '(__fish_complete_directories)' -d 'bundle directory (the current one)'
complete -c hull -n '__hull_at plan' -l config -r -F -d 'another name for config.json'
complete -c hull -n '__hull_at plan' -s f -l format -x -a 'text json' -d 'form of the output'
complete -c hull -n '__hull_at plan 0' -f -a '(__fish_complete_directories)'
complete -c hull -n '__hull_at doctor' -s f -l format -x -a 'table json' -d 'form of the output'
complete -c hull -n '__hull_at doctor' -s q -l quiet -d 'warnings and failures only'
complete -c hull -n '__hull_at doctor' -l host-root -x -a '(__fish_complete_directories)' -d 'look up every file beneath DIR, as if it were the root of the host'
complete -c hull -n '__hull_at audit' -s f -l format -x -a 'table json' -d 'form of the output'
complete -c hull -n '__hull_at audit' -s q -l quiet -d 'differences and ways to the host only'
complete -c hull -n '__hull_at audit' -l no-stop -d 'do not stop the process for the moment that reading its filter takes'
complete -c hull -n '__hull_at audit 0' -f -a '(__hull_ids)'
complete -c hull -n '__hull_at gc' -l remove -d 'remove what was found'
complete -c hull -n '__hull_at gc' -s f -l format -x -a 'table json' -d 'form of the output'
complete -c hull -n '__hull_at explain 0' -f -a '(__hull_errors)'
complete -c hull -n '__hull_at help' -s f -l format -x -a 'text json' -d 'json: the tables of commands and options'
complete -c hull -n '__hull_at help 0' -f -a '(__hull_verbs)'
