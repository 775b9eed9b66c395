#include "eph/local_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void value_clear(struct local_value *v)
{
	for (size_t i = 0; i < v->items.n; i++) mem_free(v->items.p[i].bytes);
	vec_release(&v->items);
	v->until_ms = 0;
}

void value_expire(struct local_value *v, int64_t now_ms)
{
	if (v->until_ms && now_ms >= v->until_ms) value_clear(v);
}

static struct str name_of(const struct value_item *i)
{
	return (struct str){ i->bytes, i->name_n };
}

static struct value_item *find(struct local_value *v, struct str name)
{
	for (size_t i = 0; i < v->items.n; i++)
		if (str_eq(name_of(&v->items.p[i]), name)) return &v->items.p[i];
	return NULL;
}

void value_put(struct local_value *v, const struct eph_item *item)
{
	struct value_item *old = find(v, item->name);
	if (!old && v->items.n >= EPH_ITEMS_MOST) return;
	struct value_item made = { mem_alloc(item->name.n + item->value.n + 1), item->name.n, item->value.n, item->score };
	if (item->name.n) memcpy(made.bytes, item->name.p, item->name.n);
	if (item->value.n) memcpy(made.bytes + item->name.n, item->value.p, item->value.n);
	if (!old) {
		vec_push(&v->items, made);
		return;
	}
	mem_free(old->bytes);
	*old = made;
}

void value_remove(struct local_value *v, struct str name)
{
	struct value_item *i = find(v, name);
	if (!i) return;
	mem_free(i->bytes);
	vec_drop_swap(&v->items, (size_t)(i - v->items.p));
}

void value_remove_below(struct local_value *v, int64_t least)
{
	for (size_t i = v->items.n; i-- > 0;) {
		if (v->items.p[i].score >= least) continue;
		mem_free(v->items.p[i].bytes);
		vec_drop_swap(&v->items, i);
	}
}

int eph_item_order(const void *a, const void *b)
{
	const struct eph_item *x = a, *y = b;
	if (x->score != y->score) return x->score < y->score ? -1 : 1;
	return str_cmp(x->name, y->name);
}

struct eph_items value_items(const struct local_value *v, struct arena *a)
{
	struct eph_items out = { arena_array(a, struct eph_item, v->items.n + 1), v->items.n };
	for (size_t i = 0; i < out.n; i++) {
		const struct value_item *item = &v->items.p[i];
		out.p[i].name = arena_str(a, name_of(item));
		out.p[i].value = arena_str(a, (struct str){ item->bytes + item->name_n, item->value_n });
		out.p[i].score = item->score;
	}
	qsort(out.p, out.n, sizeof *out.p, eph_item_order);
	return out;
}
