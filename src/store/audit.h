/* What privileged acts leave, in their own transaction. (The append queue writes its own.) */
#ifndef LINNET_STORE_AUDIT_H
#define LINNET_STORE_AUDIT_H
#include "db/db.h"

struct audit_row {
	int64_t actor_id, now_ms;
	const char *action;       /* "user.first" */
	struct str target;        /* "user:7" */
	struct str before, after; /* JSON; STR_NONE */
	struct str address, request_id;
};
enum err audit_write(struct db_conn *c, const struct audit_row *row);
#endif
