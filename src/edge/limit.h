/* How often somebody may ask: a person who is known by their credential is counted as that person, anybody else by
 * their address. Which credential belongs to whom is learnt from answers. One that is not known yet takes its token
 * later: from the person's bucket as soon as the session's row has said who it is, before anything else is done; from
 * the address's if nothing has said so to the end. Unknown ones from an address that has used up its share are then
 * refused without a look at the database. */
#ifndef LINNET_EDGE_LIMIT_H
#define LINNET_EDGE_LIMIT_H
#include <stdint.h>

#include "base/config.h"
#include "edge/proxy.h"
#include "eph/eph.h"
#include "model/user.h"

#define LIMITER_SETS 4096
#define LIMITER_WAYS 4
#define LIMITER_BARRED 256

struct limiter_known {
	uint64_t credential;
	int64_t user_id;
	int64_t proven_until_ms; /* until then the session's row need not be read for its own sake */
};
struct limiter { /* reactor; both tables are caches: one entry may push another out */
	struct limiter_known known[LIMITER_SETS][LIMITER_WAYS];
	struct {
		uint64_t address;
		int64_t until_ms;
	} barred[LIMITER_BARRED];
};

struct limit_ask {
	struct eph *eph; /* NULL: no limits */
	const struct rate *rate;
	const char *what; /* names the bucket: "requests" */
	const struct credential *credential;
	const struct address *address;
	bool by_address; /* whoever it is: login, register */
	int64_t now_ms;
};
/* The person behind a credential, 0 when not known yet. */
int64_t limiter_person(struct limiter *l, const struct credential *c);
bool limiter_proven(struct limiter *l, const struct credential *c, int64_t now_ms);
/* proven_until_ms 0: it was not read here. */
void limiter_learn(struct limiter *l, const struct credential *c, int64_t user_id, int64_t proven_until_ms);
/* True, or *retry_ms. *later: nothing was taken, it is not known from whom. */
bool limiter_take(struct limiter *l, const struct limit_ask *ask, bool *later, int64_t *retry_ms);
/* Of a person who is known: the bucket that requests of the same `what` take from. Any thread. */
bool limit_person(struct eph *eph, const struct rate *rate, const char *what, int64_t user_id, int64_t *retry_ms);
/* What was left for later, of somebody who has shown no good credential: false when that was one too many of this
 * address. */
bool limiter_stranger(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms);
#endif
