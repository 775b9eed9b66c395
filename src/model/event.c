#include "model/event.h"

#include <assert.h>

#include "base/mem.h"

static const struct change_row rows[CHANGE_KIND_COUNT] = {
#define C(name, kind, type, removes, adds, carries) [CHANGE_##name] = { kind, type, removes, adds, carries },
	CHANGE_KINDS(C)
#undef C
};

const struct change_row *change_row(enum change_kind k)
{
	assert(k >= 0 && k < CHANGE_KIND_COUNT);
	return &rows[k];
}

bool change_kind_parse(struct str kind, enum change_kind *out)
{
	for (int i = 0; i < CHANGE_KIND_COUNT; i++)
		if (str_eq(kind, str_of(rows[i].kind))) {
			*out = (enum change_kind)i;
			return true;
		}
	return false;
}

struct event *event_create(size_t json_n)
{
	assert(json_n <= UINT32_MAX);
	struct event *e = mem_alloc(sizeof *e + json_n);
	*e = (struct event){ .refs = 1, .json_n = (uint32_t)json_n };
	return e;
}

struct event *event_ref(struct event *e)
{
	uint32_t before = atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	assert(before > 0);
	(void)before;
	return e;
}

void event_unref(struct event *e)
{
	if (!e) return;
	uint32_t before = atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel);
	assert(before > 0);
	if (before == 1) mem_free(e);
}
