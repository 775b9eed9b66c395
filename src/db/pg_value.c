/* Values as Postgres's binary protocol has them: eight bytes, most significant first, for numbers; text and bytes as
 * they are. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/postgres.h"

enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_OID = 26,
	OID_XID = 28,
	OID_BYTEAS = 1001,
	OID_TEXTS = 1009,
	OID_INT8S = 1016,
	OID_NUMERIC = 1700,
	OID_XID8 = 5069
};

static Oid oid_of(int64_t type)
{
	return type == DB_T_I64 ? OID_INT8 : type == DB_T_TEXT ? OID_TEXT : type == DB_T_BYTES ? OID_BYTEA : 0;
}

static Oid array_oid_of(int64_t type)
{
	return type == DB_T_I64 ? OID_INT8S : type == DB_T_TEXT ? OID_TEXTS : OID_BYTEAS;
}

static Oid value_oid(const struct db_value *v)
{
	if (v->type == DB_T_ARRAY) return array_oid_of(v->i);
	return oid_of(v->type == DB_T_NULL ? v->i : (int64_t)v->type);
}

static void scratch_grow(struct pg_conn *p, size_t n)
{
	if (n <= p->cap) return;
	p->cap = n < 16 ? 16 : n * 2;
	p->values = mem_resize(p->values, p->cap * sizeof *p->values);
	p->lengths = mem_resize(p->lengths, p->cap * sizeof *p->lengths);
	p->formats = mem_resize(p->formats, p->cap * sizeof *p->formats);
	p->numbers = mem_resize(p->numbers, p->cap * sizeof *p->numbers);
	p->types = mem_resize(p->types, p->cap * sizeof *p->types);
}

void pg_bind(struct pg_conn *p, struct db_args args)
{
	scratch_grow(p, args.n);
	for (size_t i = 0; i < args.n; i++) {
		const struct db_value *v = &args.v[i];
		p->formats[i] = 1;
		p->types[i] = value_oid(v);
		p->values[i] = NULL;
		p->lengths[i] = 0;
		if (v->type == DB_T_I64) {
			p->numbers[i] = htobe64((uint64_t)v->i);
			p->values[i] = (const char *)&p->numbers[i];
			p->lengths[i] = 8;
		} else if (v->type != DB_T_NULL) {
			p->values[i] = v->s.p;
			p->lengths[i] = (int)v->s.n;
		}
	}
}

/* A numeric is digits to the base 10,000, `weight` being the power of the first: what sum() of a BIGINT returns. */
static int64_t numeric_i64(const unsigned char *p, size_t n)
{
	if (n < 8) return 0;
	int digits = p[0] << 8 | p[1], weight = (int16_t)(p[2] << 8 | p[3]), sign = p[4] << 8 | p[5];
	uint64_t v = 0;
	for (int i = 0; i <= weight; i++) {
		bool given = i < digits && (size_t)(8 + 2 * i + 1) < n;
		v = v * 10000 + (given ? (uint64_t)(p[8 + 2 * i] << 8 | p[8 + 2 * i + 1]) : 0);
	}
	return sign == 0x4000 ? (int64_t)(0 - v) : (int64_t)v;
}

static uint64_t big_endian(const unsigned char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
	return v;
}

int64_t pg_i64(const struct db_rows *rows, int col)
{
	const PGresult *res = rows->impl;
	int row = (int)rows->row - 1;
	if (PQgetisnull(res, row, col)) return 0;
	const unsigned char *p = (const unsigned char *)PQgetvalue(res, row, col);
	size_t n = (size_t)PQgetlength(res, row, col);
	switch (PQftype(res, col)) {
	case OID_INT8:
	case OID_XID8:
	case OID_OID:
	case OID_XID:
	case OID_BOOL: return (int64_t)big_endian(p, n);
	case OID_INT4: return (int32_t)big_endian(p, n);
	case OID_INT2: return (int16_t)big_endian(p, n);
	case OID_NUMERIC: return numeric_i64(p, n);
	}
	return strtoll((const char *)p, NULL, 10); /* libpq puts a NUL behind each value */
}

struct str pg_str(const struct db_rows *rows, int col)
{
	const PGresult *res = rows->impl;
	int row = (int)rows->row - 1;
	if (PQgetisnull(res, row, col)) return STR_NONE;
	return (struct str){ PQgetvalue(res, row, col), (size_t)PQgetlength(res, row, col) };
}

bool pg_is_null(const struct db_rows *rows, int col)
{
	return PQgetisnull(rows->impl, (int)rows->row - 1, col);
}
