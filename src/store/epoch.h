/* Which history of the database this is: its UUID and a hash of UUID, system identifier, timeline and OIDs (sync:
 * Epochs). */
#ifndef LINNET_STORE_EPOCH_H
#define LINNET_STORE_EPOCH_H
#include "db/db.h"

struct epoch {
	char uuid[37]; /* of the database */
	uint64_t hash; /* never 0 */
};
/* At start, after the migrations: makes the UUID at first, notices another epoch and stores it (advisory lock). */
enum err epoch_open(struct db_conn *c, struct epoch *out);
/* The epoch of the present transaction (or of a statement of its own). */
enum err epoch_read(struct db_conn *c, uint64_t *hash);
/* SQLite, before anybody is served: another history from here on, as of a file that was copied back. Whoever has seen
 * more of the old one than there is cannot take it for this one. */
enum err epoch_renew(struct db_conn *c);
#endif
