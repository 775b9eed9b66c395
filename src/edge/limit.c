#include "edge/limit.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"

#define KEY_MOST 96

static uint64_t credential_key(const struct credential *c)
{
	uint64_t key;
	memcpy(&key, c->hash, sizeof key);
	return key;
}

static uint64_t address_key(const struct address *a)
{
	char text[ADDRESS_TEXT];
	struct str s = address_limit_key(a, text);
	return hash_bytes(s.p, s.n, 0);
}

int64_t limiter_person(const struct limiter *l, const struct credential *c)
{
	if (c->user_id) return c->user_id;
	if (c->kind == CREDENTIAL_NONE) return 0;
	uint64_t key = credential_key(c);
	return l->known[key % LIMITER_KNOWN].credential == key ? l->known[key % LIMITER_KNOWN].user_id : 0;
}

void limiter_learn(struct limiter *l, const struct credential *c, int64_t user_id)
{
	if (c->kind == CREDENTIAL_NONE || c->kind == CREDENTIAL_JWT || !user_id) return;
	uint64_t key = credential_key(c);
	l->known[key % LIMITER_KNOWN].credential = key;
	l->known[key % LIMITER_KNOWN].user_id = user_id;
}

bool limit_person(struct eph *eph, const struct rate *rate, const char *what, int64_t user_id, int64_t *retry_ms)
{
	char key[KEY_MOST];
	if (!eph || rate->count == 0) return true;
	int n = snprintf(key, sizeof key, "rate:%s:u:%lld", what, (long long)user_id);
	return eph_take(eph, (struct str){ key, (size_t)n }, rate, retry_ms);
}

static bool take(const struct limit_ask *ask, int64_t person, int64_t *retry_ms)
{
	char key[KEY_MOST], address[ADDRESS_TEXT];
	if (person) return limit_person(ask->eph, ask->rate, ask->what, person, retry_ms);
	if (!ask->eph || ask->rate->count == 0) return true;
	int n = snprintf(key, sizeof key, "rate:%s:a:%s", ask->what, address_limit_key(ask->address, address).p);
	return eph_take(ask->eph, (struct str){ key, (size_t)n }, ask->rate, retry_ms);
}

static bool is_barred(const struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms)
{
	uint64_t key = address_key(ask->address);
	if (l->barred[key % LIMITER_BARRED].address != key) return false;
	*retry_ms = l->barred[key % LIMITER_BARRED].until_ms - ask->now_ms;
	return *retry_ms > 0;
}

bool limiter_take(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms)
{
	if (ask->by_address) return take(ask, 0, retry_ms);
	int64_t person = limiter_person(l, ask->credential);
	/* Whether an unknown credential is a good one only the database can tell. */
	if (!person && ask->credential->kind != CREDENTIAL_NONE) return !is_barred(l, ask, retry_ms);
	return take(ask, person, retry_ms);
}

bool limiter_refused(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms)
{
	if (take(ask, 0, retry_ms)) return true;
	uint64_t key = address_key(ask->address);
	l->barred[key % LIMITER_BARRED].address = key;
	l->barred[key % LIMITER_BARRED].until_ms = ask->now_ms + *retry_ms;
	return false;
}
