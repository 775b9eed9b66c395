#include "pods.h"

#include "base/str.h"
#include "measure.h"

static void read_one(struct pod *pod, struct str text)
{
	struct str port;
	int64_t number, pid;
	if (!str_split(&text, ':', &port) || !str_i64(port, 1, 65535, &number) || !str_i64(text, 0, 4194304, &pid))
		fail("PORT:PID is wanted instead of '" STR_FMT "'", STR_ARG(text));
	*pod = (struct pod){ (int)number, (pid_t)pid };
}

void pods_read(struct pods *p, const char *list, const struct options *o)
{
	*p = (struct pods){ .n = 1, .all = { { (int)o->port, (pid_t)o->server_pid } } };
	if (!list) return;
	struct str rest = str_of(list), one;
	for (p->n = 0; str_split(&rest, ',', &one); p->n++) {
		if (p->n == PODS_MOST) fail("more than %d pods", PODS_MOST);
		read_one(&p->all[p->n], one);
	}
	if (!p->n) fail("a list of pods is empty");
}

size_t pods_share(const struct pods *p, size_t n, size_t place)
{
	return n / p->n + (place < n % p->n);
}

static int64_t cpu_or_fail(pid_t pid)
{
	int64_t ns = 0;
	if (pid && !cpu_of(pid, &ns)) fail("process %d has gone", (int)pid);
	return ns;
}

static bool among(const struct pods *p, pid_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->all[i].pid == pid) return true;
	return false;
}

struct usage usage_take(const struct options *o, const struct pods *a, const struct pods *b)
{
	struct usage u = { .at_ns = now_ns(), .self_ns = cpu_self(), .redis_ns = cpu_or_fail((pid_t)o->redis_pid) };
	for (size_t i = 0; i < a->n; i++) u.pods_ns += cpu_or_fail(a->all[i].pid);
	for (size_t i = 0; i < b->n; i++)
		if (!among(a, b->all[i].pid)) u.pods_ns += cpu_or_fail(b->all[i].pid);
	if (o->database_pid && !cpu_of_tree((pid_t)o->database_pid, &u.database_ns)) fail("the database has gone");
	return u;
}
