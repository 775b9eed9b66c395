#include "store/audit.h"

#include "base/id.h"
#include "base/random.h"

static const struct sql SQL_WRITE = {
	"INSERT INTO audit (id, at, actor_id, action, target, before, after, address, request_id) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	NULL,
};

enum err audit_write(struct db_conn *c, const struct audit_row *row)
{
	char id[ULID_TEXT + 1];
	ulid_make(&random_kernel, row->now_ms, id);
	return db_exec(c, &SQL_WRITE,
				   DB_ARGS(DB_TEXT(str_of(id)), DB_I64(row->now_ms), db_opt(row->actor_id),
						   DB_TEXT(str_of(row->action)), DB_TEXT(row->target), DB_TEXT(row->before),
						   DB_TEXT(row->after), DB_TEXT(row->address), DB_TEXT(row->request_id)),
				   NULL);
}
