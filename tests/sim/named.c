#include <stdlib.h>

#include "client.h"
#include "db.h"
#include "judge.h"

const struct client *judge_named(struct world *w)
{
	static const struct sql all = { "SELECT user_id, display_name FROM users", NULL };
	int64_t names[PEOPLE + 1] = { 0 };
	struct db_rows rows;
	w->db->looking = true;
	if (db_query(w->db->look, &all, DB_NO_ARGS, &rows)) abort();
	while (db_next(&rows)) names[db_i64(&rows, 0)] = link_name(db_str(&rows, 1));
	if (db_end(&rows)) abort();
	w->db->looking = false;
	for (int i = 0; i < CLIENTS; i++)
		if (w->clients[i]->name != names[w->clients[i]->user_id]) return w->clients[i];
	return NULL;
}
