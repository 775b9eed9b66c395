/* Settings of a person, the same on all their devices: a key and any JSON. One that was taken back keeps its row, so
 * that devices that were away hear of it; of those only the last SETTINGS_TAKEN_BACK. */
#ifndef LINNET_STORE_SETTING_H
#define LINNET_STORE_SETTING_H
#include "db/db.h"
#include "proto/json.h"

#define SETTINGS_TAKEN_BACK 200

struct setting_row {
	struct str key, value; /* value: JSON; STR_NONE: taken back */
	int64_t user_rev;
};
void setting_fields(struct json_out *o, const struct setting_row *s); /* `key`, and `value` where there is one */

struct setting_page {
	struct setting_row *items; /* by key */
	size_t n;
	struct str next; /* STR_NONE at the end */
};
enum err setting_list(struct db_conn *c, struct arena *a, int64_t user_id, struct str cursor, size_t limit,
					  struct setting_page *out);
/* In a transaction that has the person's head, at its rev. value STR_NONE: taken back. *changed false: it was so.
 * ERR_LIMIT_REACHED: there are `most` already. */
enum err setting_write(struct db_conn *c, int64_t user_id, const struct setting_row *s, int64_t most, bool *changed);
/* What was taken back at or before this user_rev is forgotten. It only rises; whoever else keeps what was taken back
 * for a while (store/invite.h) raises it, too. */
enum err settings_reach(struct db_conn *c, int64_t user_id, int64_t *user_rev);
enum err settings_reach_raise(struct db_conn *c, int64_t user_id, int64_t user_rev);
#endif
