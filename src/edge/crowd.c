#include "edge/crowd.h"

#include "base/random.h"

void crowd_init(struct crowd *c)
{
	*c = (struct crowd){ .seed = random_u64(&random_kernel) };
	pthread_mutex_init(&c->lock, NULL);
}

void crowd_release(struct crowd *c)
{
	id_map_release(&c->counts);
	pthread_mutex_destroy(&c->lock);
}

/* Two addresses of one hash would share their limit: with a seed of our own nobody can look for such. */
static int64_t key_of(const struct crowd *c, const struct address *a)
{
	char text[ADDRESS_TEXT];
	struct str s = address_limit_key(a, text);
	return (int64_t)hash_bytes(s.p, s.n, c->seed);
}

static size_t change(struct crowd *c, const struct address *a, int by)
{
	int64_t key = key_of(c, a);
	pthread_mutex_lock(&c->lock);
	uintptr_t n = (uintptr_t)id_map_get(&c->counts, key) + (uintptr_t)by;
	if (n)
		id_map_put(&c->counts, key, (void *)n);
	else
		id_map_take(&c->counts, key);
	pthread_mutex_unlock(&c->lock);
	return n;
}

size_t crowd_enter(struct crowd *c, const struct address *a)
{
	return change(c, a, 1);
}

void crowd_leave(struct crowd *c, const struct address *a)
{
	change(c, a, -1);
}
