/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container/ahead: what a second processor can do while the runtime reads, plans, records and makes
 * the cgroup: the copy of hull's image, and the network namespace, which takes the kernel as long
 * as all the others together. Only ever a head start: who finds something not done does it itself
 * and has the error with its words. It may end while init is cloned: init never waits for a lock of
 * libc (sys_munmap; tools/check-binary).
 */
#include "container/ahead.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "init/init.h"
#include "net/net.h"
#include "sys/call.h"

/* SECURITY: of what the runtime has, the thread touches its argument alone. */
static void *work(void *arg)
{
	struct ahead *a = arg;
	struct err e = { 0 };

	init_image_ahead();
	if (!a->waits) /* nothing else can come */
		return NULL;
	while (sem_wait(&a->decided) < 0)
		;
	if (!a->network || sys_unshare(CLONE_NEWNET) < 0)
		return NULL;
	if (a->loopback && net_loopback_up(&e) < 0)
		return NULL;
	a->netns = sys_openat(AT_FDCWD, "/proc/thread-self/ns/net", O_RDONLY, 0);
	return NULL;
}

void ahead_begin(struct ahead *a, bool network)
{
	static char stack[64 * 1024] __attribute__((aligned(16))); /* a page or two are touched */
	pthread_attr_t attr;

	*a = (struct ahead){ .netns = -1, .waits = network };
	if (sem_init(&a->decided, 0, 0) < 0 || pthread_attr_init(&attr) != 0)
		return;
	a->running = pthread_attr_setstack(&attr, stack, sizeof(stack)) == 0 &&
		     pthread_create(&a->thread, &attr, work, a) == 0;
	pthread_attr_destroy(&attr);
}

void ahead_network(struct ahead *a, bool loopback)
{
	a->network = true;
	a->loopback = loopback;
	a->decision = true;
	sem_post(&a->decided);
}

void ahead_end(struct ahead *a)
{
	if (!a->running)
		return;
	a->running = false;
	if (a->waits && !a->decision)
		sem_post(&a->decided);
	pthread_join(a->thread, NULL);
}
