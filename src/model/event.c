#include "model/event.h"

#include <assert.h>
#include <string.h>

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

bool event_ends(const struct event *e, int64_t user_id)
{
	return e->kind == CHANGE_DELETED || (change_row(e->kind)->removes && e->user_id == user_id);
}

/* All of a retain's members are the server's own numbers: no text of a person's can look like one. */
int64_t event_min_rev(const struct event *e)
{
	static const char key[] = "\"min_rev\":";
	const char *at = e->kind == CHANGE_RETAIN ? memmem(e->json, e->json_n, key, sizeof key - 1) : NULL;
	if (!at) return 0;
	struct str digits = { at + sizeof key - 1, 0 };
	while (digits.p + digits.n < e->json + e->json_n && digits.p[digits.n] >= '0' && digits.p[digits.n] <= '9')
		digits.n++;
	int64_t rev = 0;
	return str_i64(digits, 0, INT64_MAX, &rev) ? rev : 0;
}

/* No text of a person's has a bare quotation mark in it. */
bool event_clips(const struct event *e)
{
	static const char said[] = "\"history\":\"joined\"";
	return e->kind == CHANGE_CHANNEL && memmem(e->json, e->json_n, said, sizeof said - 1);
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
