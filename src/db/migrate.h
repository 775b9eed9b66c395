/* Migrations: numbered SQL files in the binary, applied in order at start, each in a transaction with its row in
 * `migrations`; N processes may start at once (an advisory lock; SQLite: BEGIN IMMEDIATE). Only expanding ones run at
 * start.
 *
 * Postgres: what changes a table waits until nobody else has it, a dump of hours say, and whoever comes next waits
 * behind it, senders too. So it does for no longer than lock_timeout_ms, then goes out of the way for three times as
 * long, and tries again, until it has it. How long it takes by itself (an index) is not bounded. */
#ifndef LINNET_DB_MIGRATE_H
#define LINNET_DB_MIGRATE_H
#include "db/db.h"

struct migration {
	int number;
	const char *name;
	const char *postgres, *sqlite; /* the files' texts */
};
/* ERR_CONFLICT: the database has a higher migration than this binary knows and that one says it is contracting. */
enum err migrate_up(struct db_conn *c, const struct migration *list, size_t n, int *applied);
/* The contracting ones as well (their name begins with "contract_"): on an operator's word, once no older binary runs.
 */
enum err migrate_contract(struct db_conn *c, const struct migration *list, size_t n, int *applied);
/* How many of the list migrate_up() applies to an empty database: where so many are missing, there is nothing of ours.
 */
int migrate_all(const struct migration *list, size_t n);
/* How many of the list are not applied (contracting ones apart), and how many were that it does not know. Reads only.
 */
enum err migrate_state(struct db_conn *c, const struct migration *list, size_t n, int *missing, int *unknown);
#endif
