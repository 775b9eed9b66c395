/* One's own things besides the channels (settings, what one is oneself): rows with the user_rev of their last change.
 * Each kind is a row of a table: how its rows are found, and how its frame is written. A rev of somebody's head is of
 * one such row, or of one channel of their list, never of two. */
#ifndef LINNET_STORE_OWN_H
#define LINNET_STORE_OWN_H
#include "base/arena.h"
#include "base/str.h"
#include "db/db.h"

#define OWN_MOST 200 /* of a kind, of one read */

struct own {
	int64_t user_rev;
	struct str frame; /* JSON, with its `op` and `user_rev` */
	bool listed;      /* `ready` has it as well */
};
struct own_list {
	struct own *items; /* by user_rev, ascending */
	size_t n;
	int64_t upto;  /* all of them up to this user_rev; INT64_MAX: all */
	int64_t reach; /* rows tell of everything after this user_rev; what was taken back before it is forgotten */
};
/* Those that changed after `since`. */
enum err own_read(struct db_conn *c, struct arena *a, int64_t user_id, int64_t since, struct own_list *out);
#endif
