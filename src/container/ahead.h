/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/ahead: a thread that begins with what is certain to be needed by create, run, exec.
 */
#ifndef HULL_CONTAINER_AHEAD_H
#define HULL_CONTAINER_AHEAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

struct ahead {
	pthread_t thread;
	sem_t decided;
	bool running, waits, decision;
	bool network, loopback; /* what the runtime decided */
	int netns; /* what came of it, the caller's to close; valid after ahead_end, -1: nothing */
};

/*
 * Begin; @a stays where it is until ahead_end. Where no thread can be made nothing is done ahead.
 * What is blocked of the caller's signals stays so in the thread. @network: ahead_network may
 * follow.
 */
void ahead_begin(struct ahead *a, bool network);
/* A network namespace of the caller's user namespace is wanted, with lo up when @loopback. Once. */
void ahead_network(struct ahead *a, bool loopback);
/* Wait for the thread, which is gone then. Nothing happens when there is none (any more). */
void ahead_end(struct ahead *a);

#endif
