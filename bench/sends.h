/* The subcommand `sends`: --connections senders, each a member with a kept-alive connection that posts its next message
 * when the last was answered, round robin over the channels. Every answer must be a 201 that repeats the nonce, and at
 * the end each channel must have grown by exactly what was acknowledged. */
#ifndef LINNET_BENCH_SENDS_H
#define LINNET_BENCH_SENDS_H
#include "options.h"

void sends_run(const struct options *o);
#endif
