/* Many values as one parameter, for Postgres alone (`unnest($1)`): bigint[], text[] or bytea[] in its binary form. */
#ifndef LINNET_DB_ARRAY_H
#define LINNET_DB_ARRAY_H
#include "base/buf.h"
#include "db/db.h"

struct db_array {
	struct buf buf; /* kept from one use to the next */
	enum db_type of;
	uint32_t n;
};
void db_array_begin(struct db_array *a, enum db_type of); /* forgets what was there; of a zeroed one too */
void db_array_i64(struct db_array *a, int64_t v);
void db_array_str(struct db_array *a, struct str v); /* of text or bytes */
struct db_value db_array_end(struct db_array *a);    /* points into it */
void db_array_release(struct db_array *a);
#endif
