/* POST /auth/reset: a new password by a code. Codes cannot be guessed, and who tries is slowed as at the door. */
#include "app/account.h"
#include "app/password.h"
#include "edge/accounts.h"
#include "edge/http_conn.h"
#include "edge/known.h"

#define CODE_MOST 128

struct resetting {
	struct str code, password, hash;
	struct login_try guess;
};

enum err reset_take(struct request *q)
{
	struct resetting *r = arena_new(&q->arena, struct resetting);
	struct json_in in;
	enum err e = OK;
	q->in = r;
	json_in_open(&in, q->json, &q->problem);
	if (json_in_str(&in, "code", JSON_NEED, &r->code) && (!r->code.n || r->code.n > CODE_MOST))
		e = problem_field(&q->problem, "code", "must have 1 to %d bytes", CODE_MOST);
	if (json_in_str(&in, "password", JSON_NEED, &r->password))
		e = err_first(e, password_check(r->password, &q->problem));
	return err_first(json_in_close(&in), e);
}

static enum err refused(struct request *q, enum err e)
{
	const struct resetting *r = q->in;
	if (e != ERR_NOT_FOUND) return e;
	login_failed(&r->guess);
	return problem_set(&q->problem, ERR_BAD_CREDENTIALS, "The code is wrong, used or over: ask for another");
}

static enum err write_run(struct request *q, struct db_conn *c)
{
	const struct resetting *r = q->in;
	const struct account_by by = { .address = q->address,
								   .request_id = str_of(q->id),
								   .now_ms = clock_wall_ms(q->pod->clock) };
	return refused(q, account_reset(c, q->pod->bus, &by, r->code, r->hash));
}

static enum err hash_run(struct request *q, struct db_conn *c)
{
	struct resetting *r = q->in;
	enum err e = password_hash(q->pod->config, &q->arena, r->password, &r->hash);
	if (!e) request_then(q, LANE_write, write_run);
	return e;
}

enum err reset_run(struct request *q, struct db_conn *c)
{
	struct resetting *r = q->in;
	int64_t user_id;
	enum err e = known_guess(q, c, 0, &r->guess);
	r->guess.of = LOGIN_CODE;
	r->guess.name = r->guess.address;
	if (!e) e = known_refusal(q, login_admit, &r->guess);
	if (!e) e = refused(q, reset_code_find(c, r->code, clock_wall_ms(q->pod->clock), &user_id));
	if (!e) request_then(q, LANE_cpu, hash_run);
	return e;
}
