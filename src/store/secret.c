#include "store/secret.h"

#include <string.h>

#include "base/random.h"

static const struct sql SQL_GET = { "SELECT value FROM secrets WHERE name = $1", NULL };
static const struct sql SQL_MAKE = {
	"INSERT INTO secrets (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING", NULL
};

struct found {
	uint8_t *out;
	bool sane;
};

static void take(const struct db_rows *r, void *arg)
{
	struct found *f = arg;
	struct str value = db_str(r, 0);
	f->sane = value.n == SECRET_BYTES;
	if (f->sane) memcpy(f->out, value.p, SECRET_BYTES);
}

static enum err get(struct db_conn *c, struct str name, uint8_t *out)
{
	struct found f = { .out = out };
	enum err e = db_one(c, &SQL_GET, DB_ARGS(DB_TEXT(name)), take, &f);
	return !e && !f.sane ? ERR_INTERNAL : e;
}

enum err secret_get(struct db_conn *c, struct str name, int64_t now_ms, uint8_t out[SECRET_BYTES])
{
	enum err e = get(c, name, out);
	if (e != ERR_NOT_FOUND) return e;
	random_kernel.bytes(&random_kernel, out, SECRET_BYTES);
	struct str fresh = { (const char *)out, SECRET_BYTES };
	e = db_exec(c, &SQL_MAKE, DB_ARGS(DB_TEXT(name), DB_BYTES(fresh), DB_I64(now_ms)), NULL);
	return e ? e : get(c, name, out); /* somebody else's, if it came first */
}
