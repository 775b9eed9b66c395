/* Values of a key in this process: a text, or named items. Not locked: its owner guards it. */
#ifndef LINNET_EPH_LOCAL_VALUES_H
#define LINNET_EPH_LOCAL_VALUES_H
#include "base/vec.h"
#include "eph/eph.h"

struct value_item {
	char *bytes; /* name, then value */
	size_t name_n, value_n;
	int64_t score;
};
struct local_value {
	int64_t until_ms; /* of its time to live; 0: there is none */
	VEC(struct value_item) items;
};
void value_clear(struct local_value *v);
/* Past their time they are gone. */
void value_expire(struct local_value *v, int64_t now_ms);
void value_put(struct local_value *v, const struct eph_item *item); /* replaces one of the same name */
void value_remove(struct local_value *v, struct str name);
void value_remove_below(struct local_value *v, int64_t least);
/* By score, then by name. */
struct eph_items value_items(const struct local_value *v, struct arena *a);
int eph_item_order(const void *a, const void *b); /* for qsort: the same order */
#endif
