/* A write of one of one's own things (store/own.h): the person's head moves with it, and their devices hear of it. */
#ifndef LINNET_APP_OWN_H
#define LINNET_APP_OWN_H
#include "base/arena.h"
#include "bus/bus.h"
#include "db/db.h"

struct own_write {
	int64_t user_id;
	int64_t user_rev; /* that the row gets */
	int64_t other_id; /* somebody else whose list says something of it: their head moves too; 0: nobody */
	int64_t other_rev;
	bool changed; /* out of `write`: false: nothing was to be done, no rev is taken */
	/* In the transaction, which has the heads: nobody else changes anything of theirs meanwhile. Writes one such row,
	 * and whatever is no part of their list. */
	enum err (*write)(struct db_conn *c, struct own_write *w);
	void *arg;
};
/* ERR_NOT_FOUND: there is no such person. */
enum err own_write(struct db_conn *c, struct bus *bus, struct own_write *w);
#endif
