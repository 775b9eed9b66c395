/* The subcommand `comeback`: --connections people on the first pod of --at, in --groups of their own channels, while
 * one more of each group, on the other pods, goes on writing at --rate. The first pod is killed; everybody comes back
 * within
 * --within-ms, spread over the other pods, with their cursors. At the end everybody must have everything. */
#ifndef LINNET_BENCH_COMEBACK_H
#define LINNET_BENCH_COMEBACK_H
#include "options.h"

void comeback_run(const struct options *o);
#endif
