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

static struct limiter_known *find(struct limiter *l, uint64_t key)
{
	struct limiter_known *set = l->known[key % LIMITER_SETS];
	for (size_t i = 0; i < LIMITER_WAYS; i++)
		if (set[i].credential == key) return &set[i];
	return NULL;
}

int64_t limiter_person(struct limiter *l, const struct credential *c)
{
	if (c->user_id) return c->user_id;
	if (c->kind == CREDENTIAL_NONE) return 0;
	const struct limiter_known *k = find(l, credential_key(c));
	return k ? k->user_id : 0;
}

bool limiter_proven(struct limiter *l, const struct credential *c, int64_t now_ms)
{
	if (c->user_id) return true;
	const struct limiter_known *k = c->kind == CREDENTIAL_NONE ? NULL : find(l, credential_key(c));
	return k && now_ms < k->proven_until_ms;
}

/* The newest stands first in its set, and the oldest falls out. */
void limiter_learn(struct limiter *l, const struct credential *c, int64_t user_id, int64_t proven_until_ms)
{
	if (c->kind == CREDENTIAL_NONE || c->kind == CREDENTIAL_JWT || !user_id) return;
	uint64_t key = credential_key(c);
	struct limiter_known *k = find(l, key);
	if (!k) {
		k = l->known[key % LIMITER_SETS];
		memmove(k + 1, k, sizeof *k * (LIMITER_WAYS - 1));
		*k = (struct limiter_known){ .credential = key };
	}
	k->user_id = user_id;
	if (proven_until_ms > k->proven_until_ms) k->proven_until_ms = proven_until_ms;
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

bool limiter_take(struct limiter *l, const struct limit_ask *ask, bool *later, int64_t *retry_ms)
{
	*later = false;
	if (ask->by_address) return take(ask, 0, retry_ms);
	int64_t person = limiter_person(l, ask->credential);
	if (person || ask->credential->kind == CREDENTIAL_NONE) return take(ask, person, retry_ms);
	*later = !is_barred(l, ask, retry_ms);
	return *later;
}

bool limiter_stranger(struct limiter *l, const struct limit_ask *ask, int64_t *retry_ms)
{
	if (take(ask, 0, retry_ms)) return true;
	uint64_t key = address_key(ask->address);
	l->barred[key % LIMITER_BARRED].address = key;
	l->barred[key % LIMITER_BARRED].until_ms = ask->now_ms + *retry_ms;
	return false;
}
