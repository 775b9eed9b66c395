/* Presence in Redis. One script puts a device and derives the person's presence from all that are left, so that it is
 * right whichever pods write at once; a device that is idle has that behind its name. Nothing of it is kept here: of
 * the devices of this pod the hub knows. */
#include <string.h>

#include "base/mem.h"
#include "eph/redis_private.h"

static struct str name_of(const struct eph_redis *r, const char *kind, int64_t user_id, struct arena *a)
{
	return call_name(r, "", arena_printf(a, "%s:%lld", kind, (long long)user_id), a);
}

static void answered(struct call *c, const struct redisReply *reply)
{
	bool said = reply && reply->type == REDIS_REPLY_INTEGER;
	c->told(c->told_arg, !said ? EPH_UNKNOWN : reply->integer ? EPH_CHANGED : EPH_SAME);
}

void redis_eph_device(struct eph *e, const struct eph_device *d)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	struct arena a;
	arena_init(&a);
	const struct str argv[] = {
		STR("EVALSHA"),
		str_of(r->sha[SCRIPT_DEVICE]),
		STR("2"),
		name_of(r, "presence_devices", d->user_id, &a),
		name_of(r, "presence", d->user_id, &a),
		d->name,
		str_of(presence_name(d->state)),
		arena_printf(&a, "%lld", (long long)d->ttl_ms),
	};
	struct call *c = call_create(r, CALL_INTEGER, argv, countof(argv));
	c->answered = answered;
	c->told = d->told, c->told_arg = d->arg;
	call_post(c);
	arena_release(&a);
}

static void take(const struct call *c, size_t n, uint8_t *out)
{
	for (size_t i = 0; i < n; i++) {
		enum presence p = PRESENCE_OFFLINE;
		struct str text = call_text(c, i);
		if (text.p && presence_parse(text, &p)) out[i] = (uint8_t)p;
	}
}

static bool is_up(struct eph_redis *r)
{
	pthread_mutex_lock(&r->lock);
	bool up = r->up;
	pthread_mutex_unlock(&r->lock);
	return up;
}

bool redis_eph_presences(struct eph *e, const int64_t *ids, size_t n, uint8_t *out)
{
	struct eph_redis *r = container_of(e, struct eph_redis, base);
	struct str argv[EPH_KEYS_MOST + 1] = { STR("MGET") };
	struct arena a;
	memset(out, PRESENCE_OFFLINE, n);
	if (!n) return true;
	arena_init(&a);
	for (size_t i = 0; i < n; i++) argv[i + 1] = name_of(r, "presence", ids[i], &a);
	struct call *c = call_create(r, CALL_ARRAY, argv, n + 1);
	bool told = call_wait(c);
	if (told) take(c, n, out);
	call_unref(c);
	arena_release(&a);
	return told || !is_up(r);
}

uint64_t redis_eph_lives(const struct eph *e)
{
	return atomic_load_explicit(&container_of((struct eph *)(uintptr_t)e, struct eph_redis, base)->lives,
								memory_order_relaxed);
}
