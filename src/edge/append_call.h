/* A request that is a change of a channel: handed to the append queue, answered when it is committed. Lives in the
 * request's arena. */
#ifndef LINNET_EDGE_APPEND_CALL_H
#define LINNET_EDGE_APPEND_CALL_H
#include "edge/request.h"
#include "store/change.h"

struct append_call {
	struct change change;
	struct request *q;
	void (*then)(struct append_call *c);                   /* reactor, after success: writes the reply; NULL: 204 */
	enum err (*run)(struct request *q, struct db_conn *c); /* or: the reply needs a read */
	struct send send;
	struct channel_create create;
	struct channel_patch patch;
};
/* Credential, scope, addresses and epoch are set; the caller fills in what is asked. */
struct append_call *append_call(struct request *q, enum change_kind kind, int64_t channel_id);
/* The append reads the session's row itself, and is not slowed by a read before it; but once an hour, and where the
 * credential is new here, the row is read on the read lane first: for the limits, and to note that it is in use. */
enum err append_call_submit(struct append_call *c);
/* ?epoch= or the body's: which history the request's ids belong to. ERR_EPOCH_CHANGED when it is none of ours. */
enum err append_call_epoch(struct append_call *c, struct str epoch);
#endif
