#include <stdlib.h>

#include "db.h"
#include "judge.h"
#include "model/reaction.h"

/* What is shown beside a message is what its people have given, each of them once. */
void judge_given(struct world *w)
{
	static const struct sql given = {
		"SELECT t.channel_id, t.message_id, t.reactions, (SELECT count(*) FROM reactions r WHERE r.channel_id = "
		"t.channel_id AND r.message_id = t.message_id) FROM messages t",
		NULL,
	};
	struct db_rows rows;
	w->db->looking = true;
	if (db_query(w->db->look, &given, DB_NO_ARGS, &rows)) abort();
	while (db_next(&rows)) {
		struct arena a;
		struct reactions shown;
		int64_t sum = 0;
		arena_init(&a);
		reactions_parse(&a, db_str(&rows, 2), &shown);
		for (size_t i = 0; i < shown.n; i++) {
			sum += shown.items[i].count;
			if ((int64_t)shown.items[i].n_users != shown.items[i].count)
				fault(w, "a reaction counted wrong: %lld-%lld", (long long)db_i64(&rows, 0),
					  (long long)db_i64(&rows, 1));
		}
		if (sum != db_i64(&rows, 3))
			fault(w, "reactions have parted: %lld-%lld shows %lld of %lld", (long long)db_i64(&rows, 0),
				  (long long)db_i64(&rows, 1), (long long)sum, (long long)db_i64(&rows, 3));
		arena_release(&a);
	}
	if (db_end(&rows)) abort();
	w->db->looking = false;
}
