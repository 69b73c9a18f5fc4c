"""Seccomp profiles for tests, and the calls that tests make under them."""

import os

EPERM, ENOENT, EFAULT, ERANGE, ENOSYS = 1, 2, 14, 34, 38
NUMBERS = {  # the old calls of x86 are no calls of the newer ones
    "x86_64": {"chmod": 90, "getcwd": 79, "personality": 135},
    "aarch64": {"chmod": 53, "getcwd": 17, "personality": 92},
}.get(os.uname().machine)
CHMOD = "chmod" if os.uname().machine == "x86_64" else "fchmodat"

# What a runtime still does after it has loaded the filter, and what the probe needs.
NEEDED = (
    "access arch_prctl brk capget capset chdir clock_gettime clone clone3 close close_range dup "
    "dup2 dup3 epoll_create1 epoll_ctl epoll_pwait eventfd2 execve execveat exit exit_group "
    "faccessat faccessat2 fchdir fchown fcntl fstat fstatfs futex getcwd getdents64 getegid "
    "geteuid getgid getpgrp getpid getppid getrandom getrlimit getsid gettid getuid ioctl kill "
    "lseek lstat madvise membarrier mmap mount mprotect munmap nanosleep newfstatat open openat "
    "openat2 pause pipe2 poll ppoll prctl pread64 prlimit64 read readlink readlinkat readv "
    "recvfrom recvmsg restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn "
    "sched_getaffinity sched_yield seccomp select sendmsg sendto set_robust_list set_tid_address "
    "setgid setgroups setresgid setresuid setsid setuid sigaltstack stat statfs statx tgkill "
    "umask umount2 uname unlinkat wait4 waitid write writev").split()


def args(*values):
    """Words of the probe for six arguments."""
    return list(values) + [0] * (6 - len(values))


def chmod():
    """Words for a chmod that fails with EFAULT where it is let through."""
    return ["syscall", NUMBERS["chmod"], *args()]


def personality(value):
    return ["syscall", NUMBERS["personality"], *args(value)]


def rule(names, action="SCMP_ACT_ERRNO", conditions=None, **more):
    entry = {"names": [names] if isinstance(names, str) else list(names), "action": action} | more
    if conditions:
        entry["args"] = conditions
    return entry


def when(op, value, two=None, index=0):
    entry = {"index": index, "value": value, "op": f"SCMP_CMP_{op}"}
    return entry if two is None else entry | {"valueTwo": two}


def profile(ctr, *rules, default="SCMP_ACT_ALLOW", **more):
    """Sets the profile of a container; returns the container."""
    ctr.bundle.linux["seccomp"] = {"defaultAction": default, **more}
    if rules:
        ctr.bundle.linux["seccomp"]["syscalls"] = list(rules)
    return ctr


def tried(ctr, *words, **kw):
    """errno of the last action of the probe, 0 for success."""
    done = ctr.probe(*words, **kw)["do"][-1]
    return done["errno"] if done["ret"] == -1 else 0
