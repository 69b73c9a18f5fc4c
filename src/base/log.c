/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log: where lines go and how they look. One write(2) per line, so that lines of several
 * commands that append to one file never mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "base/str.h"

/*
 * A whole error with its context; the line has room for it when JSON needs six bytes for each of
 * its own.
 */
enum { TEXT_MAX = ERR_MSG_MAX + ERR_AT_MAX + 1024, LINE_MAX_BYTES = 6 * TEXT_MAX + 4096 };

static struct log_config config = { .fd = -1, .level = LOG_LEVEL_ERROR };

void log_init(const struct log_config *c)
{
	config = *c;
}

bool log_enabled(enum log_level level)
{
	return level <= config.level;
}

static const char *level_name(enum log_level level)
{
	static const char names[][8] = { "error", "warning", "info", "debug" };

	return names[level];
}

/* RFC 3339 with microseconds in UTC: what Go's time.Time decodes (features.md a.4). */
static void add_time(struct strbuf *b)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	sb_time(b, ts.tv_sec, ts.tv_nsec, 6);
}

static void add_json(struct strbuf *b, const char *key, const char *value)
{
	sb_printf(b, "\"%s\":\"", key);
	for (size_t n = strlen(value); n;) {
		size_t ok = utf8_valid_len(value, n);

		for (size_t i = 0; i < ok; i++) {
			unsigned char c = (unsigned char)value[i];

			if (c == '"' || c == '\\')
				sb_printf(b, "\\%c", c);
			else if (c < 0x20)
				sb_printf(b, "\\u%04x", c);
			else
				sb_char(b, (char)c);
		}
		value += ok;
		n -= ok;
		if (n) { /* an invalid byte */
			sb_add(b, "\\ufffd");
			value++;
			n--;
		}
	}
	sb_char(b, '"');
}

/* @e with what its id means, or NULL twice: init writes no such line and is without the texts. */
static void write_line(enum log_level level, const char *msg, const struct err *e,
		       const struct err_info *i)
{
	char line[LINE_MAX_BYTES];
	struct strbuf b = { .buf = line, .size = sizeof(line) - 2 };
	int fd = config.fd >= 0 ? config.fd : STDERR_FILENO;

	if (config.format == LOG_JSON) {
		sb_char(&b, '{');
		add_json(&b, "level", level_name(level));
		sb_char(&b, ',');
		add_json(&b, "msg", msg);
		sb_add(&b, ",\"time\":\"");
		add_time(&b);
		sb_char(&b, '"');
		if (e) {
			sb_char(&b, ',');
			add_json(&b, "code", i->text);
			sb_char(&b, ',');
			add_json(&b, "stage", e->step);
			sb_char(&b, ',');
			add_json(&b, "object", e->at);
			sb_printf(&b, ",\"errno\":%d,", e->code);
			add_json(&b, "hint", i->cure);
		}
		sb_char(&b, '}');
	} else {
		if (config.fd >= 0) {
			add_time(&b);
			sb_printf(&b, " %s: ", level_name(level));
		} else {
			sb_add(&b, level == LOG_LEVEL_WARNING ? "hull: warning: "
				   : level == LOG_LEVEL_ERROR ? "hull: error: "
				   : level == LOG_LEVEL_INFO  ? "hull: info: "
							      : "hull: debug: ");
		}
		sb_escape(&b, msg);
	}
	line[b.len++] = '\n';
	/* A log that cannot be written must not change the result of the command (faults R2). */
	if (io_write_all(fd, line, b.len) < 0)
		return;
}

static _printf_(2, 0) void vlog(enum log_level level, const char *fmt, va_list ap)
{
	char msg[TEXT_MAX];

	if (!log_enabled(level))
		return;
	vsnprintf(msg, sizeof(msg), fmt, ap);
	write_line(level, msg, NULL, NULL);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void log_warn_err(const struct err *why, const char *fmt, ...)
{
	char text[TEXT_MAX], line[ERR_AT_MAX + ERR_MSG_MAX + 128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_format(why, line, sizeof(line));
	log_warn("%s: %s", text, line);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vlog(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

void log_error(const char *context, const struct err *e)
{
	char text[TEXT_MAX - 512], msg[TEXT_MAX];
	const struct err_info info = err_info(e->id);
	int file = config.fd;

	err_format(e, text, sizeof(text));
	snprintf(msg, sizeof(msg), "%s%s%s", context, *context ? ": " : "", text);
	if (file >= 0) {
		enum log_format format = config.format;

		write_line(LOG_LEVEL_ERROR, msg, e, &info);
		config.fd = -1;
		config.format = LOG_TEXT;
		write_line(LOG_LEVEL_ERROR, msg, e, &info);
		config.fd = file;
		config.format = format;
	} else {
		write_line(LOG_LEVEL_ERROR, msg, e, &info);
	}
}
