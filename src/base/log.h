/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log: warnings and debug lines, and the sink that --log, --log-format and --log-level choose.
 * The final error is printed by cmd/main.c only. Hides formats and the order of stderr and file.
 */
#ifndef HULL_BASE_LOG_H
#define HULL_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/macro.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

struct log_config {
	int fd; /* file of --log opened for append, or -1: stderr */
	enum log_format format;
	/* default: LOG_LEVEL_ERROR; warnings go to the file only with --log-level */
	enum log_level level;
};

void log_init(const struct log_config *c);
bool log_enabled(enum log_level level);

/*
 * Warnings are what the spec says must be logged (unknown capability, failed poststop hook). They
 * are kept back from stdout and stderr of commands whose output clients parse: they go to stderr
 * only when the level asks for it or the command is one a person reads (create, run, delete). See
 * features.md a.4.
 */
void log_warn(const char *fmt, ...) _printf_(1, 2);
/* The text, then all of an error that is not the command's own: its place and reason too. */
void log_warn_err(const struct err *why, const char *fmt, ...) _printf_(2, 3);
void log_info(const char *fmt, ...) _printf_(1, 2);
void log_debug(const char *fmt, ...) _printf_(1, 2);

/*
 * The final line. @context is "create web"; written to stderr as text and to the log file in its
 * format.
 */
void log_error(const char *context, const struct err *e);

#endif
