/* The servers that are measured: `PORT:PID,...`, or the one of --port and --server-pid. */
#ifndef LINNET_BENCH_PODS_H
#define LINNET_BENCH_PODS_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"

#define PODS_MOST 16
struct pods {
	size_t n;
	struct pod {
		int port;
		pid_t pid; /* 0: not measured */
	} all[PODS_MOST];
};
void pods_read(struct pods *p, const char *list, const struct options *o); /* NULL: that one */
/* How many of n go to the pod at `place` when they are spread evenly. */
size_t pods_share(const struct pods *p, size_t n, size_t place);

/* CPU of everything that takes part, from the start of each process. */
struct usage {
	int64_t at_ns, pods_ns, database_ns, redis_ns, self_ns;
};
/* Of both lists' pods, each once. Ends the program when one of the processes has gone. */
struct usage usage_take(const struct options *o, const struct pods *a, const struct pods *b);
#endif
