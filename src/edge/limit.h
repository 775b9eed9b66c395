/* How often somebody may ask: a person who is known by their credential is counted as that person, anybody else by
 * their address. Which credential belongs to whom is learnt from answers; a credential that turned out to be none
 * counts for the address, and unknown ones from an address that has used up its share are then refused without a look
 * at the database. */
#ifndef LINNET_EDGE_LIMIT_H
#define LINNET_EDGE_LIMIT_H
#include <stdint.h>

#include "base/config.h"
#include "edge/proxy.h"
#include "eph/eph.h"
#include "model/user.h"

#define LIMITER_KNOWN 4096
#define LIMITER_BARRED 256

struct limiter { /* reactor; both tables are caches: one entry may push another out */
	struct {
		uint64_t credential;
		int64_t user_id;
	} known[LIMITER_KNOWN];
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
int64_t limiter_person(const struct limiter *l, const struct credential *c);
void limiter_learn(struct limiter *l, const struct credential *c, int64_t user_id);
/* True, or *retry_ms. */
bool limiter_take(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms);
/* Of a person who is known: the bucket that requests of the same `what` take from. */
bool limit_person(struct eph *eph, const struct rate *rate, const char *what, int64_t user_id, int64_t *retry_ms);
/* A credential was refused: false when that was one too many of this address. */
bool limiter_refused(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms);
#endif
