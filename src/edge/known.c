#include "edge/known.h"

#include "edge/http_conn.h"
#include "store/session.h"

static bool same_place(struct str address, struct str key)
{
	struct address a;
	char text[ADDRESS_TEXT];
	return address_parse(address, &a) && str_eq(address_limit_key(&a, text), key);
}

enum err known_guess(struct request *q, struct db_conn *c, int64_t user_id, struct login_try *out)
{
	char text[ADDRESS_TEXT];
	struct str *addresses;
	size_t n = 0;
	out->eph = q->pod->eph;
	out->config = q->pod->config;
	out->address = arena_str(&q->arena, address_limit_key(&q->core->address, text));
	out->known = false;
	int64_t since = clock_wall_ms(q->pod->clock) - LOGIN_KNOWN_MS;
	enum err e = session_addresses(c, &q->arena, user_id, since, &addresses, &n);
	for (size_t i = 0; i < n && !out->known; i++) out->known = same_place(addresses[i], out->address);
	return e;
}

enum err known_refusal(struct request *q, enum err (*ask)(const struct login_try *, int64_t *),
					   const struct login_try *t)
{
	int64_t retry_ms = 0;
	enum err e = ask(t, &retry_ms);
	if (!e) return OK;
	problem_wait(&q->problem, retry_ms);
	int64_t minutes = (retry_ms + 59999) / 60000;
	return problem_set(&q->problem, e,
					   "Too many wrong passwords, from this address or for this name: again in %lld minute%s",
					   (long long)minutes, minutes == 1 ? "" : "s");
}
