/* The subcommand `setup`: the first member makes channels, and members join them. The result names the channels. */
#ifndef LINNET_BENCH_SETUP_H
#define LINNET_BENCH_SETUP_H
#include "options.h"

void setup_run(const struct options *o);
#endif
