#include "db/array.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Dimensions, flags, the elements' type; then length and lower bound of the one dimension. */
#define HEAD 20

static void put_u32(char *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof v);
}

static uint32_t oid_of(enum db_type of)
{
	return of == DB_T_I64 ? 20 : of == DB_T_TEXT ? 25 : 17;
}

void db_array_begin(struct db_array *a, enum db_type of)
{
	a->of = of;
	a->n = 0;
	buf_reserve(&a->buf, HEAD + 1024);
	memset(a->buf.p, 0, HEAD);
	a->buf.n = HEAD;
}

void db_array_i64(struct db_array *a, int64_t v)
{
	assert(a->of == DB_T_I64);
	char *p = buf_reserve(&a->buf, 12);
	uint64_t big = htobe64((uint64_t)v);
	put_u32(p, 8);
	memcpy(p + 4, &big, 8);
	a->buf.n += 12;
	a->n++;
}

void db_array_str(struct db_array *a, struct str v)
{
	assert(a->of != DB_T_I64 && v.n < UINT32_MAX);
	put_u32(buf_reserve(&a->buf, 4), (uint32_t)v.n);
	a->buf.n += 4;
	buf_add_str(&a->buf, v);
	a->n++;
}

struct db_value db_array_end(struct db_array *a)
{
	bool empty = a->n == 0; /* has no dimension at all */
	put_u32(a->buf.p, empty ? 0 : 1);
	put_u32(a->buf.p + 8, oid_of(a->of));
	put_u32(a->buf.p + 12, a->n);
	put_u32(a->buf.p + 16, 1);
	return (struct db_value){ DB_T_ARRAY, a->of, { a->buf.p, empty ? 12 : a->buf.n } };
}

void db_array_release(struct db_array *a)
{
	buf_release(&a->buf);
}
