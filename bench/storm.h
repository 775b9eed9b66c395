/* The subcommand `storm`: everybody of the file joins the first of --channel-ids, by --connections at a time. */
#ifndef LINNET_BENCH_STORM_H
#define LINNET_BENCH_STORM_H
#include "options.h"

void storm_run(const struct options *o);
#endif
