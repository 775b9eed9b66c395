/* Linear probing over a power of two of slots, at most three quarters full. Taking an entry out moves the following
 * ones back where their chain needs it, so there are no tombstones and a map that shrinks and grows stays as quick as
 * new. */
#include "base/map.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"

#define MAP_FIRST 8

static uint64_t the_seed = 0x6c696e6e65740001u; /* set once at start */

void map_seed(uint64_t seed)
{
	the_seed = seed;
}

/* The finishing steps of a 64 bit mixer (splitmix64): a bijection in which every bit reaches every other. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30, x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27, x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint64_t hash_id(int64_t key)
{
	return mix((uint64_t)key + 0x9e3779b97f4a7c15u);
}

static uint64_t seeded_id(int64_t key)
{
	return mix(mix((uint64_t)key ^ the_seed) + the_seed);
}

/* SipHash-2-4, since the bytes come from outside. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	unsigned char key[crypto_shorthash_KEYBYTES], out[crypto_shorthash_BYTES];
	uint64_t second = mix(seed), h;
	_Static_assert(sizeof key == 16 && sizeof out == 8, "two words of key, one of hash");
	memcpy(key, &seed, 8);
	memcpy(key + 8, &second, 8);
	crypto_shorthash(out, p ? p : "", n, key);
	memcpy(&h, out, 8);
	return h;
}

static bool too_full(size_t n, size_t cap)
{
	return (n + 1) * 4 > cap * 3;
}

/* Whether the entry at `from`, whose chain begins at `home`, may move to `hole`: not if its home lies behind the hole.
 */
static bool may_move(size_t hole, size_t home, size_t from, size_t mask)
{
	return ((from - home) & mask) >= ((from - hole) & mask);
}

/* The key's slot, or the free one where it would stand. cap > 0. */
static struct id_slot *id_find(const struct id_map *m, int64_t key)
{
	for (size_t mask = m->cap - 1, i = seeded_id(key) & mask;; i = (i + 1) & mask)
		if (!m->slots[i].value || m->slots[i].key == key) return &m->slots[i];
}

static void id_grow(struct id_map *m)
{
	struct id_map old = *m;
	m->cap = old.cap ? mem_times(old.cap, 2) : MAP_FIRST;
	m->slots = mem_zalloc(mem_times(m->cap, sizeof *m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value) *id_find(m, old.slots[i].key) = old.slots[i];
	mem_free(old.slots);
}

void *id_map_get(const struct id_map *m, int64_t key)
{
	return m->n ? id_find(m, key)->value : NULL;
}

void id_map_put(struct id_map *m, int64_t key, void *value)
{
	if (!value) {
		id_map_take(m, key);
		return;
	}
	if (too_full(m->n, m->cap)) id_grow(m);
	struct id_slot *slot = id_find(m, key);
	m->n += !slot->value;
	*slot = (struct id_slot){ key, value };
}

void *id_map_take(struct id_map *m, int64_t key)
{
	if (!m->n) return NULL;
	struct id_slot *slot = id_find(m, key);
	void *value = slot->value;
	if (!value) return NULL;
	size_t mask = m->cap - 1, hole = (size_t)(slot - m->slots);
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		if (!may_move(hole, seeded_id(m->slots[i].key) & mask, i, mask)) continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole].value = NULL;
	m->n--;
	return value;
}

void id_map_release(struct id_map *m)
{
	mem_free(m->slots);
	*m = (struct id_map){ 0 };
}

int id_map_next(const struct id_map *m, size_t *i, struct id_slot *out)
{
	while (*i < m->cap) {
		*out = m->slots[(*i)++];
		if (out->value) return 1;
	}
	return 0;
}

static uint64_t seeded_str(struct str key)
{
	return hash_bytes(key.p, key.n, the_seed);
}

static struct str_slot *str_find(const struct str_map *m, struct str key, uint64_t hash)
{
	for (size_t mask = m->cap - 1, i = hash & mask;; i = (i + 1) & mask) {
		struct str_slot *s = &m->slots[i];
		if (!s->value || (s->hash == hash && str_eq(s->key, key))) return s;
	}
}

static void str_grow(struct str_map *m)
{
	struct str_map old = *m;
	m->cap = old.cap ? mem_times(old.cap, 2) : MAP_FIRST;
	m->slots = mem_zalloc(mem_times(m->cap, sizeof *m->slots));
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].value) *str_find(m, old.slots[i].key, old.slots[i].hash) = old.slots[i];
	mem_free(old.slots);
}

void *str_map_get(const struct str_map *m, struct str key)
{
	return m->n ? str_find(m, key, seeded_str(key))->value : NULL;
}

void str_map_put(struct str_map *m, struct str key, void *value)
{
	if (!value) {
		str_map_take(m, key);
		return;
	}
	if (too_full(m->n, m->cap)) str_grow(m);
	uint64_t hash = seeded_str(key);
	struct str_slot *slot = str_find(m, key, hash);
	m->n += !slot->value;
	*slot = (struct str_slot){ key, hash, value };
}

void *str_map_take(struct str_map *m, struct str key)
{
	if (!m->n) return NULL;
	struct str_slot *slot = str_find(m, key, seeded_str(key));
	void *value = slot->value;
	if (!value) return NULL;
	size_t mask = m->cap - 1, hole = (size_t)(slot - m->slots);
	for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
		if (!may_move(hole, m->slots[i].hash & mask, i, mask)) continue;
		m->slots[hole] = m->slots[i];
		hole = i;
	}
	m->slots[hole].value = NULL;
	m->n--;
	return value;
}

void str_map_release(struct str_map *m)
{
	mem_free(m->slots);
	*m = (struct str_map){ 0 };
}

int str_map_next(const struct str_map *m, size_t *i, struct str_slot *out)
{
	while (*i < m->cap) {
		*out = m->slots[(*i)++];
		if (out->value) return 1;
	}
	return 0;
}
