/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor/engines: the configuration of those who call hull: do they name it, and is it there? Reads
 * only as much of TOML, JSON and Slurm's form as these few keys need.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "doctor/room.h"
#include "spec/json.h"

#define VENDOR "/usr/share/containers/containers.conf.d/50-hull.conf"

/* What one file says about hull. */
struct mention {
	const char *file;
	const char **paths; /* of which the engine takes the first that is there */
	size_t n;
	const char *broken; /* the file cannot be read: why; else NULL */
};

struct engine {
	const char *name, *programs; /* any of them: the engine is installed */
	const char *files
		[4]; /* "DIR/" stands for all *.conf or *.toml in it; "~" for the home directory */
	void (*read)(struct doctor *d, char *text, struct mention *m);
	const char *fix; /* how to make it known */
};

static void add_path(struct doctor *d, struct mention *m, const char *s, size_t n)
{
	*(const char **)arena_push(d->a, &m->paths, &m->n, sizeof(char *)) =
		arena_memdup(d->a, s, n);
}

/* All "..." or '...' of a value. */
static void add_quoted(struct doctor *d, struct mention *m, const char *value)
{
	while (*(value += strcspn(value, "\"'"))) {
		size_t n = strcspn(value + 1, *value == '"' ? "\"" : "'");

		add_path(d, m, value + 1, n);
		value += n + 1 + (value[n + 1] != '\0');
	}
}

/* One "key = value" of TOML; arrays over several lines are joined, comments are gone. */
struct toml {
	char *text, *section, *key, *value;
};

static char *uncomment(char *line)
{
	char quote = 0;

	for (char *p = line; *p; p++) {
		if (!quote && *p == '#')
			*p-- = '\0';
		else if (quote ? *p == quote : (*p == '"' || *p == '\''))
			quote = quote ? 0 : *p;
	}
	return trim(line);
}

static bool toml_next(struct doctor *d, struct toml *t)
{
	char *line;

	while ((line = next_line(&t->text))) {
		line = uncomment(line);
		if (*line == '[') {
			t->section = line;
			continue;
		}
		t->value = strchr(line, '=');
		if (!t->value)
			continue;
		*t->value++ = '\0';
		t->key = trim(line);
		t->value = trim(t->value);
		while (*t->value == '[' && !strchr(t->value, ']') && (line = next_line(&t->text)))
			t->value = arena_printf(d->a, "%s%s", t->value, uncomment(line));
		return true;
	}
	return false;
}

static void read_podman(struct doctor *d, char *text, struct mention *m)
{
	struct toml t = { .text = text, .section = (char *)"" };

	while (toml_next(d, &t))
		if (streq(t.section, "[engine.runtimes]") && streq(t.key, "hull"))
			add_quoted(d, m, t.value);
}

/* [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.hull.options] BinaryName = "..." */
static void read_containerd(struct doctor *d, char *text, struct mention *m)
{
	struct toml t = { .text = text, .section = (char *)"" };

	while (toml_next(d, &t))
		if (streq(t.key, "BinaryName") &&
		    (strstr(t.section, "hull") || strstr(t.value, "hull")))
			add_quoted(d, m, t.value);
}

static void read_crio(struct doctor *d, char *text, struct mention *m)
{
	struct toml t = { .text = text, .section = (char *)"" };

	while (toml_next(d, &t))
		if (streq(t.section, "[crio.runtime.runtimes.hull]") &&
		    streq(t.key, "runtime_path"))
			add_quoted(d, m, t.value);
}

/* RunTimeRun="/usr/local/bin/hull --root=... run ..." (oci.conf(5)): the words of the command
 * that end in /hull. */
static void read_slurm(struct doctor *d, char *text, struct mention *m)
{
	char *line;

	while ((line = next_line(&text))) {
		line = uncomment(line);
		if (!str_starts(line, "RunTime"))
			continue;
		line += strcspn(line, "=");
		while (*(line += strspn(line, " =\"'"))) {
			size_t n = strcspn(line, " \"'");
			const char *word = arena_memdup(d->a, line, n);

			if (*word == '/' && str_ends(word, "/hull") && !m->n)
				add_path(d, m, word, n);
			line += n;
		}
	}
}

/* { "runtimes": { "hull": { "path": "..." } } }, or runtimeType with options.BinaryName
 * (dockerd(8)). */
static void read_docker(struct doctor *d, char *text, struct mention *m)
{
	struct jv_doc doc;
	struct jv v, path;
	struct err why = { 0 };
	struct jv_iter it;
	const char *s;

	if (jv_parse(text, strlen(text), d->a, &doc, &why) < 0) {
		m->broken = arena_strdup(d->a, why.msg);
		return;
	}
	if (jv_type(jv_root(&doc)) != JV_OBJECT || !jv_find(jv_root(&doc), "runtimes", &v) ||
	    jv_type(v) != JV_OBJECT)
		return;
	for (it = jv_each(v); jv_next(&it);) {
		struct err none = { 0 };
		struct jv options = it.value;

		if (jv_type(it.value) != JV_OBJECT)
			continue;
		if (!jv_find(it.value, "path", &path) &&
		    !(jv_find(it.value, "options", &options) && jv_type(options) == JV_OBJECT &&
		      jv_find(options, "BinaryName", &path)))
			continue;
		if (jv_string(path, &s, &none) == 0 &&
		    (streq(it.key, "hull") || streq(path_base(s), "hull")))
			add_path(d, m, s, strlen(s));
	}
}

static const struct engine podman = {
	"podman",
	"podman buildah",
	{ "/usr/share/containers/containers.conf", "/etc/containers/containers.conf",
	  "/etc/containers/containers.conf.d/", "~/.config/containers/containers.conf.d/" },
	read_podman,
	"install -D -m 644 contrib/containers.conf.d/50-hull.conf "
	"/etc/containers/containers.conf.d/50-hull.conf",
};
static const struct engine docker = {
	"Docker",
	"dockerd",
	{ "/etc/docker/daemon.json" },
	read_docker,
	"in /etc/docker/daemon.json: { \"runtimes\": { \"hull\": { \"path\": "
	"\"/usr/local/bin/hull\" } } }, then systemctl reload docker",
};
static const struct engine containerd = {
	"containerd",
	"containerd",
	{ "/etc/containerd/config.toml", "/etc/containerd/conf.d/" },
	read_containerd,
	"in /etc/containerd/config.toml: a runtime with runtime_type io.containerd.runc.v2 and "
	"BinaryName /usr/local/bin/hull",
};
static const struct engine crio = {
	"CRI-O",
	"crio",
	{ "/etc/crio/crio.conf", "/etc/crio/crio.conf.d/" },
	read_crio,
	"in /etc/crio/crio.conf.d/50-hull.conf: [crio.runtime.runtimes.hull] runtime_path = "
	"\"/usr/local/bin/hull\"",
};
static const struct engine slurm = {
	"Slurm",
	"slurmd",
	{ "/etc/slurm/oci.conf", "/etc/slurm-llnl/oci.conf" },
	read_slurm,
	"in /etc/slurm/oci.conf: RunTimeRun=\"/usr/local/bin/hull run %n\" with its companions "
	"(oci.conf(5))",
};

static bool installed(struct doctor *d, const char *programs)
{
	while (*programs) {
		size_t n = strcspn(programs, " ");

		if (host_program(d, arena_memdup(d->a, programs, n)))
			return true;
		programs += n + (programs[n] == ' ');
	}
	return false;
}

/* One file: an answer when it names hull. */
static bool look_file(struct doctor *d, const struct engine *g, const char *file)
{
	struct mention m = { .file = file };
	const char *here = host_program(d, "hull");
	struct stat st;
	char *text;

	if (host_text(d, file, &text) < 0)
		return false;
	g->read(d, text, &m);
	if (m.broken) {
		answer(d, DOCTOR_FAILURE, file, "mend it: the engine does not start with it", "%s",
		       m.broken);
		return true;
	}
	if (!m.n)
		return false;
	for (size_t i = 0; i < m.n; i++) {
		/* a name without a directory is looked up by the engine */
		const char *path = *m.paths[i] == '/' ? m.paths[i] : host_program(d, m.paths[i]);

		if (path && host_stat(d, path, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_mode & 0111)) {
			answer(d, DOCTOR_OK, file, "", "names %s", path);
			return true;
		}
	}
	answer(d, DOCTOR_FAILURE, file,
	       here ? arena_printf(d->a, "write %s there", here)
		    : arena_printf(d->a, "install -m 755 hull %s", m.paths[0]),
	       "names %s, which is no executable file", m.paths[0]);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All *.conf and *.toml of a directory, in the order of their names. */
static bool look_directory(struct doctor *d, const struct engine *g, const char *dir)
{
	int fd = host_open(d, dir, O_RDONLY | O_DIRECTORY);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const char **names = NULL;
	const struct dirent *e;
	bool found = false;
	size_t n = 0;

	if (!list) {
		fd_close(&fd);
		return false;
	}
	while ((e = readdir(list)))
		if (str_ends(e->d_name, ".conf") || str_ends(e->d_name, ".toml"))
			*(const char **)arena_push(d->a, &names, &n, sizeof(char *)) =
				arena_printf(d->a, "%s%s", dir, e->d_name);
	closedir(list);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++)
		found |= look_file(d, g, names[i]);
	return found;
}

static void look_engine(struct doctor *d, const struct engine *g)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(g->files) && g->files[i]; i++) {
		const char *file = g->files[i];

		if (*file == '~' && !(d->o->home && *d->o->home == '/'))
			continue;
		if (*file == '~')
			file = arena_printf(d->a, "%s%s", d->o->home, file + 1);
		found |= str_ends(file, "/") ? look_directory(d, g, file) : look_file(d, g, file);
	}
	if (found)
		return;
	/* where packages put it, and podman 5 does not look */
	if (g == &podman && installed(d, g->programs) && host_exists(d, VENDOR)) {
		answer(d, DOCTOR_NOTE, VENDOR,
		       "ln -s " VENDOR " /etc/containers/containers.conf.d/50-hull.conf",
		       "podman 5 and older do not read this directory");
		return;
	}
	if (installed(d, g->programs))
		answer(d, DOCTOR_NOTE, "", g->fix, "%s is installed and does not know hull",
		       g->name);
	else
		ok(d, "not installed");
}

static void look_podman(struct doctor *d)
{
	look_engine(d, &podman);
}

static void look_docker(struct doctor *d)
{
	look_engine(d, &docker);
}

static void look_containerd(struct doctor *d)
{
	look_engine(d, &containerd);
}

static void look_crio(struct doctor *d)
{
	look_engine(d, &crio);
}

static void look_slurm(struct doctor *d)
{
	look_engine(d, &slurm);
}

static const struct doctor_check rows[] = {
	{ .id = "engine.podman", .what = "podman and buildah know hull", .look = look_podman },
	{ .id = "engine.docker", .what = "Docker knows hull", .look = look_docker },
	{ .id = "engine.containerd", .what = "containerd knows hull", .look = look_containerd },
	{ .id = "engine.crio", .what = "CRI-O knows hull", .look = look_crio },
	{ .id = "engine.slurm", .what = "Slurm knows hull", .look = look_slurm },
};

const struct doctor_group doctor_engines = { rows, ARRAY_LEN(rows) };
