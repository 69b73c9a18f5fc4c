/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/seal: after it, nothing leads from the process to the file it was executed from (rule X2).
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/init.h"

static int answer = 41;

/* In a child: seal, then use code, data and the heap, then look behind the link. */
static int sealed_child(void)
{
	struct stat before, after;
	struct err e = { 0 };
	char line[512], maps[65536];
	ssize_t n;
	int fd;

	if (stat("/proc/self/exe", &before) < 0)
		return 10;
	if (init_seal(INIT_PART_ALL, &e) < 0) {
		err_format(&e, line, sizeof(line));
		printf("# %s\n", line);
		fflush(stdout);
		return 11;
	}
	answer++;
	free(strdup("the heap works"));
	if (answer != 42)
		return 12;
	if (stat("/proc/self/exe", &after) < 0)
		return 13;
	if (before.st_ino == after.st_ino && before.st_dev == after.st_dev)
		return 14;
	if (open("/proc/self/exe", O_WRONLY) >= 0 || after.st_size != 0)
		return 15;
	fd = open("/proc/self/maps", O_RDONLY);
	n = read(fd, maps, sizeof(maps) - 1);
	maps[n > 0 ? n : 0] = '\0';
	/* no mapping of the file is left to be found by map_files */
	return strstr(maps, "unit-seal") ? 16 : 0;
}

TEST(nothing_leads_back_to_the_binary)
{
	int status = 0;
	pid_t pid;

	if (!init_can_seal())
		SKIP("this build or kernel seals by executing a copy");
	if (geteuid() != 0)
		SKIP("needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE");
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(sealed_child());
	waitpid(pid, &status, 0);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 0);
}

UNIT_MAIN
