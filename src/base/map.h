/* Hash maps from an id (int64_t) or from bytes to a pointer: open addressing, seeded, so that nobody outside can aim
 * at one bucket. A NULL value means absent. Keys of a str_map are not copied: they live as long as their entry. */
#ifndef LINNET_BASE_MAP_H
#define LINNET_BASE_MAP_H
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct id_slot {
	int64_t key;
	void *value;
};
struct id_map {
	struct id_slot *slots;
	size_t n, cap; /* entries; slots, a power of two */
};
void *id_map_get(const struct id_map *m, int64_t key);
void id_map_put(struct id_map *m, int64_t key, void *value); /* replaces */
void *id_map_take(struct id_map *m, int64_t key);            /* removes and returns; NULL when absent */
void id_map_release(struct id_map *m);                       /* the slots, not the values */
/* for (size_t i = 0; id_map_next(&m, &i, &slot);) ...; the map must not change meanwhile */
int id_map_next(const struct id_map *m, size_t *i, struct id_slot *out);

struct str_slot {
	struct str key;
	uint64_t hash;
	void *value;
};
struct str_map {
	struct str_slot *slots;
	size_t n, cap;
};
void *str_map_get(const struct str_map *m, struct str key);
void str_map_put(struct str_map *m, struct str key, void *value); /* replaces key and value */
void *str_map_take(struct str_map *m, struct str key);
void str_map_release(struct str_map *m);
int str_map_next(const struct str_map *m, size_t *i, struct str_slot *out);

void map_seed(uint64_t seed);  /* once at start, before any map; without it a fixed seed is used (simulation) */
uint64_t hash_id(int64_t key); /* unseeded: also picks a channel's owner */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
#endif
