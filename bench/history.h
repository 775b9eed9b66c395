/* `load history`: pages of messages, one at a time, from places all over the channels that the member is in. */
#ifndef LINNET_BENCH_HISTORY_H
#define LINNET_BENCH_HISTORY_H
#include "options.h"

void history_run(const struct options *o);
#endif
