/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount/made: what had to be made inside the rootfs so that something could be mounted there. A
 * create or restore that fails takes it away again (runtime.md, errors); the list is shared memory,
 * so it survives init.
 */
#include "mount/room.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/str.h"
#include "sys/call.h"

/* Records follow each other: inode, device, length of the path with its NUL, path. */
struct mount_made {
	size_t used;
	char data[(1 << 20) - sizeof(size_t)]; /* costs what is used of it: thousands of mounts */
};

struct record {
	ino_t ino;
	dev_t dev;
	size_t size;
};

struct mount_made *mnt_made_new(void)
{
	void *p = mmap(NULL, sizeof(struct mount_made), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void mnt_made_free(struct mount_made *list)
{
	if (list)
		munmap(list, sizeof(*list));
}

static void note(struct mount_made *list, int dir, const char *name, const char *path, size_t len)
{
	struct record rec = { .size = len + 1 };
	struct stat st;

	if (!list || sizeof(list->data) - list->used < sizeof(rec) + rec.size ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	rec.ino = st.st_ino;
	rec.dev = st.st_dev;
	memcpy(list->data + list->used, &rec, sizeof(rec));
	memcpy(list->data + list->used + sizeof(rec), path, len);
	list->data[list->used + sizeof(rec) + len] = '\0';
	list->used += sizeof(rec) + rec.size;
}

static void note_made(struct path_made *made, int dir, const char *name, const char *path,
		      size_t len)
{
	struct mnt_noter *noter = (struct mnt_noter *)made;

	noter->any = true;
	note(noter->list, dir, name, path, len);
}

static struct mnt_noter noter_of(struct mount_sources *s)
{
	return (struct mnt_noter){ .made = { note_made }, .list = s->made };
}

struct mnt_noter mnt_noter(struct mount_tree *t)
{
	return noter_of(t->sources);
}

int mount_make_point(struct mount_sources *s, const char *path, bool dir)
{
	MOUNT_NO_UMASK;
	struct mnt_noter noter = noter_of(s);
	_cleanup_fd_ int fd = path_make(&s->rootfs, path, dir ? PATH_MAKE_DIR : PATH_MAKE_FILE,
					false, &noter.made);

	return fd < 0 ? fd : 0;
}

int mount_make_dir(struct mount_tree *t, const char *path)
{
	struct mnt_noter noter = mnt_noter(t);
	_cleanup_fd_ int fd = path_make(&t->root, path, PATH_MAKE_DIR, false, &noter.made);

	return fd < 0 ? fd : 0;
}

void mnt_note(struct mount_tree *t, int dir, const char *name, const char *path)
{
	note(t->sources->made, dir, name, path, strlen(path));
}

/*
 * What is found under the path now must be the very inode that was made, else it is left alone: a
 * volume may have been mounted over that part of the path. Directories go only when they are empty.
 */
static void remove_one(const struct rootfs *root, const struct record *rec, const char *path)
{
	_cleanup_fd_ int dir = -1;
	const char *name;
	struct stat st;

	dir = path_parent(root, path, false, NULL, &name);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_ino != rec->ino ||
	    st.st_dev != rec->dev)
		return;
	if (S_ISREG(st.st_mode) && st.st_size != 0)
		return;
	(void)sys_unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
}

/* The last made goes first. Records have no back links, so each round walks to the end of what is
 * left. */
void mount_sources_undo(struct mount_sources *s)
{
	size_t end = s->made ? s->made->used : 0;

	while (end > 0) {
		size_t at = 0, last = 0;
		struct record rec;

		while (at < end) {
			memcpy(&rec, s->made->data + at, sizeof(rec));
			last = at;
			at += sizeof(rec) + rec.size;
		}
		remove_one(&s->rootfs, &rec, s->made->data + last + sizeof(rec));
		end = last;
	}
	if (s->made)
		s->made->used = 0;
}
