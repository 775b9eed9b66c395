/* `load search`: waits until the server has its index, then asks one kind of query after the other, one at a time. */
#ifndef LINNET_BENCH_SEARCHES_H
#define LINNET_BENCH_SEARCHES_H
#include "options.h"

void searches_run(const struct options *o);
#endif
