/* Memory is read when the server has been quiet for a while (it used hardly any CPU) and has been
 * told to give back what it does not need. */
#include "idle.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>

#include "measure.h"
#include "result.h"
#include "subscriber.h"
#include "wire.h"

#define LEVELS_MOST 8
#define QUIET_MS 1500 /* longer than a lane must be idle before its connection gives back what it cached */
#define QUIET_TRIES 40

static int64_t server_cpu(const struct options *o)
{
	int64_t ns;
	if (!cpu_of((pid_t)o->server_pid, &ns)) fail("the server has gone");
	return ns;
}

static void quiet_wait(const struct options *o)
{
	for (int i = 0; i < QUIET_TRIES; i++) {
		int64_t before = server_cpu(o);
		poll(NULL, 0, QUIET_MS);
		if (server_cpu(o) - before < (int64_t)QUIET_MS * 1000000 / 50) return; /* under 2 % of a core */
	}
	fail("the server does not become quiet");
}

static int64_t memory_read(const struct options *o)
{
	int64_t bytes;
	quiet_wait(o);
	if (o->trim_signal && kill((pid_t)o->server_pid, (int)o->trim_signal)) fail("the server has gone");
	quiet_wait(o);
	if (!resident_bytes((pid_t)o->server_pid, &bytes)) fail("the server has gone");
	return bytes;
}

/* Not one of them may have been closed meanwhile. */
static void all_alive(struct subscribers *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct pollfd p = { .fd = s->all[i].fd, .events = POLLRDHUP };
		if (poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)))
			fail("the server closed socket %zu", i);
	}
}

static void print(const struct options *o, const int64_t *levels, const int64_t *bytes, size_t n)
{
	struct result r;
	result_open(&r, "idle", o->label);
	result_int(&r, "from", levels[0]);
	result_int(&r, "to", levels[n - 1]);
	result_int(&r, "from_bytes", bytes[0]);
	result_int(&r, "to_bytes", bytes[n - 1]);
	result_real(&r, "bytes_per_connection", (double)(bytes[n - 1] - bytes[0]) / (double)(levels[n - 1] - levels[0]));
	result_close(&r);
}

void idle_run(const struct options *o)
{
	struct members m;
	struct subscribers s;
	int64_t levels[LEVELS_MOST], bytes[LEVELS_MOST];
	size_t n = options_list(o->levels, 1, 18000, levels, LEVELS_MOST);
	if (n < 2 || levels[n - 1] <= levels[0]) fail("--levels wants two numbers at least, ascending");
	if (!o->server_pid) fail("--server-pid is missing");
	members_read(&m, o->tokens, (size_t)o->skip, (size_t)levels[n - 1]);
	subscribers_init(&s, (int)o->port, true, (size_t)levels[n - 1]);
	for (size_t i = 0; i < n; i++) {
		if ((size_t)levels[i] > s.n) subscribers_open(&s, m.tokens + s.n, (size_t)levels[i] - s.n);
		bytes[i] = memory_read(o);
		all_alive(&s);
	}
	print(o, levels, bytes, n);
	subscribers_release(&s);
	members_release(&m);
}
