/* The subcommand `idle`: WebSockets with permessage-deflate agreed, each of a member of its own, that do nothing once
 * they are ready; the server's resident memory at each of --levels, and the slope between the first and the last. */
#ifndef LINNET_BENCH_IDLE_H
#define LINNET_BENCH_IDLE_H
#include "options.h"

void idle_run(const struct options *o);
#endif
