/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init/steps: the steps that create and exec share: whoever enters a container is made the same way
 * (rule X7). Not included outside.
 */
#ifndef HULL_INIT_STEPS_H
#define HULL_INIT_STEPS_H

#include "init/init.h"

/* The intermediate hands over to a child that the runtime is the parent of, and ends. */
int init_fork_next(struct init *in, uint64_t flags, struct err *e);
/* The child's first step. */
int init_introduce(struct init *in, struct err *e);
/* The steps of exec from in->next on; never returns. */
int init_exec_go_on(void *in);

/* The runtime said FILTER: load it, and hand over its listener. */
int init_filter_now(struct init *in, struct err *e);
/* The listener, if there is one, to whoever is at the other end of @conn; -1 afterwards. */
int init_give_listener(struct init *in, int conn, struct err *e);
/* Whether CAP_SYS_ADMIN stays until the filter is loaded and the Landlock domain entered. */
bool init_keeps_sys_admin(const struct init *in);

/* image.c: the move itself. -errno: some of it is as it was. */
int init_image_move(enum init_part part);

int init_step_session(struct init *in, struct err *e);
int init_step_seal(struct init *in, struct err *e);
int init_step_cgroup(struct init *in, struct err *e);
int init_step_keyring(struct init *in, struct err *e);
int init_step_personality(struct init *in, struct err *e);
int init_step_memory_policy(struct init *in, struct err *e);
int init_step_io_priority(struct init *in, struct err *e);
int init_step_home(struct init *in, struct err *e);
int init_step_terminal_stdio(struct init *in, struct err *e);
int init_step_stdio_owner(struct init *in, struct err *e);
int init_step_bounding_set(struct init *in, struct err *e);
int init_step_label(struct init *in, struct err *e);
int init_step_landlock(struct init *in, struct err *e);	      /* confine.c */
int init_step_landlock_enter(struct init *in, struct err *e); /* confine.c */
int init_step_ids(struct init *in, struct err *e);
int init_step_capabilities(struct init *in, struct err *e);
int init_step_no_new_privs(struct init *in, struct err *e);
int init_step_cwd_early(struct init *in, struct err *e);
int init_step_cwd(struct init *in, struct err *e);
int init_step_program(struct init *in, struct err *e);
/*
 * READY, unless START is there already: then nobody waits for it, and the end of the channel says
 * the rest. A listener comes over the channel, so there it is said.
 */
int init_say_ready(struct init *in, struct err *e);
int init_step_descriptors(struct init *in, struct err *e);
int init_step_rlimits(struct init *in, struct err *e);
int init_step_filter_early(struct init *in, struct err *e);    /* filter.c */
int init_step_filter(struct init *in, struct err *e);	       /* filter.c */
int init_step_last_capability(struct init *in, struct err *e); /* filter.c */
int init_step_listener(struct init *in, struct err *e);
int init_step_exec(struct init *in, struct err *e);

#endif
