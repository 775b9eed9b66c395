/* The subcommand `channels`: the result names the first member's channels whose names begin with --prefix. */
#ifndef LINNET_BENCH_CHANNELS_H
#define LINNET_BENCH_CHANNELS_H
#include "options.h"

void channels_run(const struct options *o);
#endif
