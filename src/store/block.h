/* Whom somebody has blocked: private to them. */
#ifndef LINNET_STORE_BLOCK_H
#define LINNET_STORE_BLOCK_H
#include "base/arena.h"
#include "db/db.h"

struct block {
	int64_t user_id, blocked_id;
	int64_t user_rev, now_ms; /* the person's head, which the transaction has */
	int64_t most;             /* people whom one person may have blocked */
};
/* *changed false: it was so. ERR_LIMIT_REACHED. */
enum err block_set(struct db_conn *c, const struct block *b, bool *changed);
enum err block_end(struct db_conn *c, const struct block *b, bool *changed);
/* ERR_NOT_FOUND: they have not blocked that person. */
enum err block_there(struct db_conn *c, int64_t user_id, int64_t blocked_id);
/* Ascending. */
enum err blocks_of(struct db_conn *c, struct arena *a, int64_t user_id, int64_t **ids, size_t *n);
enum err blocks_against(struct db_conn *c, struct arena *a, int64_t user_id, int64_t **ids, size_t *n);
#endif
