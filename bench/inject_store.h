/* What `inject` has instead of a database: channels 1 to inject_store_channels, whose log is empty when the sessions
 * attach, and of which everybody is a member. */
#ifndef LINNET_BENCH_INJECT_STORE_H
#define LINNET_BENCH_INJECT_STORE_H
#include <stddef.h>

#define INJECT_CHANNELS 8
#define INJECT_EPOCH 1
extern size_t inject_store_channels; /* frozen before the reactor runs */
#endif
