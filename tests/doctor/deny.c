/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program for which some system calls do not exist: deny CALL[,CALL...] PROGRAM [ARG...]
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (argc < 3 || !filter)
		return 125;
	for (char *name = strtok(argv[1], ","); name; name = strtok(NULL, ",")) {
		int number = seccomp_syscall_resolve_name(name);

		if (number == __NR_SCMP_ERROR ||
		    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), number, 0) < 0) {
			fprintf(stderr, "deny: no call %s\n", name);
			return 125;
		}
	}
	if (seccomp_load(filter) < 0)
		return 125;
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 126;
}
