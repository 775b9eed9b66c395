#include "model/thread.h"

static void take_out(struct thread *t, int64_t user_id)
{
	size_t n = 0;
	for (size_t i = 0; i < t->n_users; i++)
		if (t->user_ids[i] != user_id) t->user_ids[n++] = t->user_ids[i];
	t->n_users = n;
}

void thread_name(struct thread *t, int64_t user_id)
{
	take_out(t, user_id);
	for (size_t i = t->n_users; i > 0; i--) t->user_ids[i] = t->user_ids[i - 1];
	t->user_ids[0] = user_id;
	if (t->n_users < THREAD_USERS) t->n_users++;
}

void thread_name_last(struct thread *t, int64_t user_id)
{
	for (size_t i = 0; i < t->n_users; i++)
		if (t->user_ids[i] == user_id) return;
	if (t->n_users < THREAD_USERS) t->user_ids[t->n_users++] = user_id;
}

struct str thread_users_text(struct arena *a, const struct thread *t)
{
	struct str s = STR_NONE;
	for (size_t i = 0; i < t->n_users; i++)
		s = i ? arena_printf(a, STR_FMT ",%lld", STR_ARG(s), (long long)t->user_ids[i])
			  : arena_printf(a, "%lld", (long long)t->user_ids[i]);
	return s;
}

void thread_users_parse(struct str text, struct thread *t)
{
	struct str part;
	t->n_users = 0;
	while (t->n_users < THREAD_USERS && text.p && str_split(&text, ',', &part))
		if (str_i64(part, 1, INT64_MAX, &t->user_ids[t->n_users])) t->n_users++;
}
