/* The subcommand `cold`: one socket at a time, what it costs to come: without cursors until the last `ready` and one
 * page are there, and back with cursors, when nothing or something was missed. */
#ifndef LINNET_BENCH_COLD_H
#define LINNET_BENCH_COLD_H
#include "options.h"

void cold_run(const struct options *o);
#endif
