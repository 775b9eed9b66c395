/* The subcommand `heads`: --connections people, each in channels of their own, are all that one pod serves. What a head
 * check costs while nothing changes and while --rate channels a second do; then --changes changes as fast as they are
 * taken, and what they leave in the tables of heads and moves. */
#ifndef LINNET_BENCH_HEADS_H
#define LINNET_BENCH_HEADS_H
#include "options.h"

void heads_run(const struct options *o);
#endif
