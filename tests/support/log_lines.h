/* What was logged, kept as text, for tests that want to see lines: log_capture(log_take, NULL). One program, any
 * thread. */
#ifndef LINNET_TESTS_LOG_LINES_H
#define LINNET_TESTS_LOG_LINES_H
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/log.h"

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf log_text;

static inline void log_take(void *arg, struct str line)
{
	pthread_mutex_lock(&log_lock);
	buf_add_str(&log_text, line);
	buf_add_byte(&log_text, '\n');
	pthread_mutex_unlock(&log_lock);
}

static inline void log_forget(void)
{
	pthread_mutex_lock(&log_lock);
	log_text.n = 0;
	pthread_mutex_unlock(&log_lock);
}

/* Lines with both of these words. */
static inline size_t log_count(const char *a, const char *b)
{
	size_t n = 0;
	pthread_mutex_lock(&log_lock);
	struct str rest = buf_str(&log_text), line;
	while (log_text.n && str_split(&rest, '\n', &line))
		n += memmem(line.p, line.n, a, strlen(a)) && memmem(line.p, line.n, b, strlen(b));
	pthread_mutex_unlock(&log_lock);
	return n;
}

static inline void log_wait(const char *a, const char *b)
{
	for (int i = 0; i < 4000 && !log_count(a, b); i++) nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
	if (!log_count(a, b)) fail_msg("no line with %s and %s in\n%.*s", a, b, (int)log_text.n, log_text.p);
}
#endif
