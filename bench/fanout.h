/* The subcommand `fanout`: subscribers that read, check and count, and a closed loop of messages in flight.
 *
 * "K in flight": K messages are asked for at the start; whenever one has been read by its last subscriber (that is, all
 * its frames have been parsed and checked), the next is asked for. Asks that fall into one turn of the reader's loop go
 * out together. It is the same whatever the server is.
 *
 * With --rate messages are asked for at that rate instead, each when it is due, however many are on their way: latency
 * then begins when a message was due. What would be more than --in-flight on its way waits, and the row says so. */
#ifndef LINNET_BENCH_FANOUT_H
#define LINNET_BENCH_FANOUT_H
#include "options.h"

void fanout_run(const struct options *o);
#endif
