#include "app/share.h"

#include <pthread.h>

#include "base/mem.h"

#define PACE 2 /* a millisecond used is paid back in two */
#define NEAR 4 /* places where somebody may stand */

struct share {
	int64_t user_id;
	int64_t until_ms; /* by then all is paid back */
};
struct shares {
	pthread_mutex_t lock;
	struct share p[SHARES_MOST];
};

struct shares *shares_create(void)
{
	struct shares *s = mem_new(struct shares);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

void shares_destroy(struct shares *s)
{
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}

/* Theirs; else, of the places where it might be, the one that is owed least. */
static struct share *share_of(struct shares *s, int64_t user_id)
{
	struct share *at = &s->p[(uint64_t)user_id % (SHARES_MOST / NEAR) * NEAR], *least = at;
	for (int i = 0; i < NEAR; i++) {
		if (at[i].user_id == user_id) return &at[i];
		if (at[i].until_ms < least->until_ms) least = &at[i];
	}
	return least;
}

bool shares_take(struct shares *s, int64_t user_id, int64_t now_ms, int64_t for_ms, int64_t *retry_ms)
{
	*retry_ms = 0;
	pthread_mutex_lock(&s->lock);
	struct share *x = share_of(s, user_id);
	int64_t from = x->user_id == user_id && x->until_ms > now_ms ? x->until_ms : now_ms;
	int64_t over = from - now_ms - (SHARES_BURST - 1) * PACE * for_ms;
	if (over > 0)
		*retry_ms = over;
	else
		*x = (struct share){ user_id, from + PACE * for_ms };
	pthread_mutex_unlock(&s->lock);
	return over <= 0;
}

void shares_give(struct shares *s, int64_t user_id, int64_t unused_ms)
{
	pthread_mutex_lock(&s->lock);
	struct share *x = share_of(s, user_id);
	if (x->user_id == user_id && unused_ms > 0) x->until_ms -= PACE * unused_ms;
	pthread_mutex_unlock(&s->lock);
}
