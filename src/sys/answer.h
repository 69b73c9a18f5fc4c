/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys/answer: does the file system behind a path of the host answer? A dead server of NFS or FUSE
 * holds whoever looks a name up, and no signal ends that (faults E3).
 */
#ifndef HULL_SYS_ANSWER_H
#define HULL_SYS_ANSWER_H

#include <stdint.h>

/*
 * Open a path of the host (O_PATH | @extra_flags) whose file system may never answer. fd,
 * -ETIMEDOUT at @deadline, other -errno. A process that cannot be killed is left behind then; it
 * holds no descriptor and ends when it is let go.
 */
int path_open_patient(const char *path, int extra_flags, uint64_t deadline);

#endif
